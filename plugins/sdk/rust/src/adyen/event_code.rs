//! The kinds of events in standard webhooks.

use crate::texts::texts;

texts! {
    /// The kind of an item. Adyen has more kinds than its library lists.
    EventCode {
        Autorescue = "AUTORESCUE",
        /// A payment is authorised, or refused: see `success`.
        Authorisation = "AUTHORISATION",
        AuthorisationAdjustment = "AUTHORISATION_ADJUSTMENT",
        CancelAutorescue = "CANCEL_AUTORESCUE",
        Cancellation = "CANCELLATION",
        CancelOrRefund = "CANCEL_OR_REFUND",
        /// A capture was accepted. `CAPTURE_FAILED` may follow.
        Capture = "CAPTURE",
        CaptureFailed = "CAPTURE_FAILED",
        /// The cardholder has the money back.
        Chargeback = "CHARGEBACK",
        ChargebackReversed = "CHARGEBACK_REVERSED",
        DisputeDefensePeriodEnded = "DISPUTE_DEFENSE_PERIOD_ENDED",
        Donation = "DONATION",
        Expire = "EXPIRE",
        HandledExternally = "HANDLED_EXTERNALLY",
        InformationSupplied = "INFORMATION_SUPPLIED",
        IssuerComments = "ISSUER_COMMENTS",
        IssuerResponseTimeframeExpired = "ISSUER_RESPONSE_TIMEFRAME_EXPIRED",
        ManualReviewAccept = "MANUAL_REVIEW_ACCEPT",
        ManualReviewReject = "MANUAL_REVIEW_REJECT",
        /// The cardholder disputes the payment. The money is still there.
        NotificationOfChargeback = "NOTIFICATION_OF_CHARGEBACK",
        NotificationOfFraud = "NOTIFICATION_OF_FRAUD",
        OfferClosed = "OFFER_CLOSED",
        OrderClosed = "ORDER_CLOSED",
        OrderOpened = "ORDER_OPENED",
        PaidoutReversed = "PAIDOUT_REVERSED",
        Pending = "PENDING",
        PostponedRefund = "POSTPONED_REFUND",
        PrearbitrationLost = "PREARBITRATION_LOST",
        PrearbitrationWon = "PREARBITRATION_WON",
        ProcessRetry = "PROCESS_RETRY",
        PayoutDecline = "PAYOUT_DECLINE",
        PayoutExpire = "PAYOUT_EXPIRE",
        PayoutThirdparty = "PAYOUT_THIRDPARTY",
        RecurringContract = "RECURRING_CONTRACT",
        /// A refund was accepted. `REFUND_FAILED` may follow.
        Refund = "REFUND",
        RefundFailed = "REFUND_FAILED",
        RefundedReversed = "REFUNDED_REVERSED",
        RefundWithData = "REFUND_WITH_DATA",
        ReportAvailable = "REPORT_AVAILABLE",
        RequestForInformation = "REQUEST_FOR_INFORMATION",
        SecondChargeback = "SECOND_CHARGEBACK",
        TechnicalCancel = "TECHNICAL_CANCEL",
        VoidPendingRefund = "VOID_PENDING_REFUND",
    }
}
