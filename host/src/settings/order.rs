//! `order_by`, `on_block`, `supersede_by`: the order of a handler's deliveries.

/// By what deliveries of a handler are ordered: those with the same key run one after
/// another, in the order of arrival, and no others wait for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSettings {
    /// `order_by`
    pub by: OrderBy,
    /// `on_block`
    pub on_block: OnBlock,
    /// `supersede_by`: an event that is older by this than the last one of its key that was
    /// done is ignored, without being run. Default: none is.
    pub supersede_by: Option<SupersedeBy>,
}

/// By what events of a key are older or newer. Where there is no number and no time, the
/// event is neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupersedeBy {
    /// The event's own time.
    Created,
    /// What stands at this JSON pointer in the payload: a number, or a text that is one or is
    /// an RFC 3339 date and time.
    Pointer(String),
}

/// Where the key of a delivery comes from. Where there is nothing, or `null`, or the payload
/// is no JSON, the delivery has no key and waits for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderBy {
    /// The event's account.
    Account,
    /// The event's subject.
    Subject,
    /// What stands at this JSON pointer in the payload, whatever its type.
    Pointer(String),
}

/// What a dead delivery means for later ones of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBlock {
    /// `"skip-after-dead"`: they go on. The default, since one event that can never be handled
    /// would otherwise stop all that comes for its customer until somebody looks.
    #[default]
    SkipAfterDead,
    /// `"wait"`: they wait until an operator has replayed or cancelled it.
    Wait,
}
