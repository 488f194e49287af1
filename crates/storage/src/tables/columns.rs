//! Values as the columns of tables hold them: texts, territories and amounts.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Decimal128Array, StringArray};
use arrow_schema::ArrowError;
use arrow_schema::DataType;
use streamledger_core::model::money::SCALE;
use streamledger_core::model::sale::TextId;
use streamledger_core::model::territory::Territory;
use streamledger_core::normalize::sales_lot::SalesLot;
use streamledger_core::numbers::exact;

/// Digits of an amount.
const PRECISION: u8 = 38;

pub(crate) fn amount_type() -> DataType {
    DataType::Decimal128(PRECISION, exact::<i8>(SCALE))
}

pub(crate) fn texts(lot: &SalesLot, ids: impl Iterator<Item = Option<TextId>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    ids.for_each(|id| builder.append_option(id.map(|id| lot.text(id))));
    Arc::new(builder.finish())
}

pub(crate) fn strings<T: AsRef<str>>(values: impl Iterator<Item = Option<T>>) -> ArrayRef {
    Arc::new(values.collect::<StringArray>())
}

pub(crate) fn territories(values: impl Iterator<Item = Option<Territory>>) -> ArrayRef {
    strings(values.map(|territory| territory.map(|territory| ascii(territory.to_text()))))
}

/// A code of ASCII bytes as text.
#[must_use]
pub fn ascii<const N: usize>(text: [u8; N]) -> String {
    text.iter().copied().map(char::from).collect()
}

/// Amounts as the tables store them.
///
/// # Errors
/// If one has more than 38 digits.
pub fn amounts(values: impl Iterator<Item = Option<i128>>) -> Result<ArrayRef, ArrowError> {
    let array: Decimal128Array = values.collect();
    let scale = exact::<i8>(SCALE);
    Ok(Arc::new(array.with_precision_and_scale(PRECISION, scale)?))
}
