//! `jws` of a scheme: a JSON Web Signature in the place of `algorithm` and `signature`.

use tollgate_scheme::{JwsAlgorithm, JwsForm};

use super::texts::text;
use crate::manifest::table::{Context, Fields, TableSchema, Variants};

pub(in crate::manifest::sections) const JWS: TableSchema = TableSchema {
    name: "`jws`",
    keys: &[
        "header",
        "at",
        "algorithm",
        "detached",
        "body_hash",
        "time",
        "x5c",
    ],
    unsupported: &[],
    instead: &[
        ("alg", "did you mean `algorithm`?"),
        ("pointer", "did you mean `at`?"),
    ],
};

const ALGORITHMS: Variants<JwsAlgorithm> = &[
    (JwsAlgorithm::Es256.name(), JwsAlgorithm::Es256),
    (JwsAlgorithm::Es384.name(), JwsAlgorithm::Es384),
    (JwsAlgorithm::EdDsa.name(), JwsAlgorithm::EdDsa),
    (JwsAlgorithm::Rs256.name(), JwsAlgorithm::Rs256),
    (JwsAlgorithm::Rs384.name(), JwsAlgorithm::Rs384),
    (JwsAlgorithm::Rs512.name(), JwsAlgorithm::Rs512),
    (JwsAlgorithm::Ps256.name(), JwsAlgorithm::Ps256),
];

/// The token of a scheme, if it has one. Reports keys that a token has for itself.
pub(super) fn jws(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<JwsForm> {
    const HELP: &str = "the algorithm that the provider signs with, for example: \
                        algorithm = \"ES256\"";
    let node = fields.get("jws")?;
    if let Some(other) = fields.get("algorithm") {
        let message = "a scheme with `jws` has its algorithm there";
        cx.diagnostics
            .wrong_value(&other.span, message, "remove `algorithm`");
    }
    let fields = Fields::read(cx, node, &node.span, &JWS)?;
    fields.need(cx, "algorithm", HELP);
    let algorithm = fields.variant(cx, "algorithm", ALGORITHMS, None);
    Some(JwsForm {
        header: text(cx, &fields, "header"),
        at: text(cx, &fields, "at"),
        algorithm: algorithm?,
        detached: fields.flag(cx, "detached", false),
        body_hash: text(cx, &fields, "body_hash"),
        time: text(cx, &fields, "time"),
        x5c: fields.flag(cx, "x5c", false),
    })
}
