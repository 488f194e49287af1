//! Cells of Arrow columns as text, for people and for comparisons. Covers the types of the published tables;
//! the general formatter of Arrow would bring all of its kernels along.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, UInt8Type, UInt16Type, UInt32Type,
    UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType, TimeUnit};
use chrono::{DateTime, NaiveDate};

/// The text of a cell: dates as `YYYY-MM-DD`, times in UTC as `YYYY-MM-DDTHH:MM:SS` with what they have of a
/// second, amounts with all digits of their scale,
/// bytes in hex. Empty for null.
///
/// # Errors
/// [`ArrowError`] for a type that no table has.
pub fn cell_text(column: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    if column.is_null(row) {
        return Ok(String::new());
    }
    Ok(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => column.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::Dictionary(codes, _) if **codes == DataType::Int32 => {
            let words = column.as_dictionary::<Int32Type>();
            return words
                .key(row)
                .map_or(Ok(String::new()), |code| cell_text(words.values(), code));
        }
        DataType::Dictionary(codes, _) if **codes == DataType::UInt32 => {
            let words = column.as_dictionary::<UInt32Type>();
            return words
                .key(row)
                .map_or(Ok(String::new()), |code| cell_text(words.values(), code));
        }
        DataType::FixedSizeBinary(_) => hex::encode(column.as_fixed_size_binary().value(row)),
        DataType::Boolean => column.as_boolean().value(row).to_string(),
        DataType::Int8 => column.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => column.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => column.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => column.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => column.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().value(row);
            NaiveDate::from_epoch_days(days).ok_or_else(|| no_time(days.into()))?.to_string()
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => {
            let ms = column.as_primitive::<TimestampMillisecondType>().value(row);
            time_text(DateTime::from_timestamp_millis(ms).ok_or_else(|| no_time(ms))?)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let us = column.as_primitive::<TimestampMicrosecondType>().value(row);
            time_text(DateTime::from_timestamp_micros(us).ok_or_else(|| no_time(us))?)
        }
        other => {
            return Err(ArrowError::NotYetImplemented(format!("a text of a column of {other}")));
        }
    })
}

fn time_text(time: DateTime<chrono::Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%S%.f").to_string()
}

fn no_time(number: i64) -> ArrowError {
    ArrowError::CastError(format!("{number} is no date or time"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float64Array, Int64Array,
        StringArray, TimestampMillisecondArray,
    };

    use super::*;

    #[test]
    fn cells_are_written_as_people_write_them() {
        let amounts = Decimal128Array::from(vec![Some(-1_250), None]);
        let words: DictionaryArray<Int32Type> = [Some("b"), None].into_iter().collect();
        let times = TimestampMillisecondArray::from(vec![Some(1_788_220_800_000), Some(1)]);
        let columns: [(ArrayRef, [&str; 2]); 7] = [
            (Arc::new(Int64Array::from(vec![Some(-3), None])), ["-3", ""]),
            (Arc::new(StringArray::from(vec!["a", ""])), ["a", ""]),
            (Arc::new(words), ["b", ""]),
            (Arc::new(BooleanArray::from(vec![true, false])), ["true", "false"]),
            (Arc::new(Date32Array::from(vec![20_697, -1])), ["2026-09-01", "1969-12-31"]),
            (Arc::new(amounts.with_precision_and_scale(38, 3).unwrap()), ["-1.250", ""]),
            (
                Arc::new(times.with_timezone("UTC")),
                ["2026-09-01T00:00:00", "1970-01-01T00:00:00.001"],
            ),
        ];
        for (column, texts) in columns {
            assert_eq!([0, 1].map(|row| cell_text(&column, row).unwrap()), texts);
        }
        let floats: ArrayRef = Arc::new(Float64Array::from(vec![0.1]));
        assert!(cell_text(&floats, 0).is_err());
    }
}
