//! Tables from judged plays, in the order in which they are made.

pub mod track_order;
pub mod gathered;
pub mod trends_daily;
pub mod sales_monthly;
