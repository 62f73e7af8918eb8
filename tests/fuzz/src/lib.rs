//! Requests for the fuzz targets.

pub mod requests;
