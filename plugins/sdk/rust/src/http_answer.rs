//! What a handler reads of the answer to an immediate request.

use serde::de::DeserializeOwned;

use crate::Error;
use crate::error::HttpProblem;
use crate::values::HttpAnswer;

impl HttpAnswer {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    /// The body is no JSON, or not of the type that the handler asked for.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Http {
            url: String::new(),
            problem: HttpProblem::Body(format!("the answer {}: {error}", self.status)),
        })
    }
}
