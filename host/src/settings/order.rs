//! `order_by`, `on_block`, `supersede_by`: the order of a handler's deliveries.

/// How a handler's deliveries are ordered. Deliveries with the same order key run one after
/// another, in the order of arrival. Deliveries with other keys do not wait for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderSettings {
    /// `order_by`: where the order key comes from.
    pub by: OrderBy,
    /// `on_block`: whether a dead delivery blocks later deliveries of its order key.
    pub on_block: OnBlock,
    /// `supersede_by`: how to compare the age of events. An event that is older than the last
    /// done event of the same order key is ignored and does not run. Default: no event is ignored.
    pub supersede_by: Option<SupersedeBy>,
}

/// The value that says which events of an order key are older. An event without a number and
/// without a time there is neither older nor newer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SupersedeBy {
    /// The event's own time of creation.
    Created,
    /// The value at this JSON pointer in the payload: a number, a text that is a number, or a text
    /// that is an RFC 3339 date and time.
    Pointer(String),
}

/// Where the order key of a delivery comes from. A delivery has no order key and waits for no other
/// delivery if the value is missing or `null`, or if the payload is no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderBy {
    /// The event's account.
    Account,
    /// The event's subject.
    Subject,
    /// The value at this JSON pointer in the payload, of any type.
    Pointer(String),
}

/// The effect of a dead delivery on later deliveries of the same order key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnBlock {
    /// `"skip-after-dead"`: later deliveries run. This is the default. With `"wait"`, one event
    /// that can never be handled would stop all later events of its customer until somebody
    /// intervenes.
    #[default]
    SkipAfterDead,
    /// `"wait"`: later deliveries wait until an operator replays or cancels the dead delivery.
    Wait,
}
