//! Numbers and names in the headers of a zip archive.

use crate::source::shown_names::shown_bytes;

/// Numbers of a header, one after the other, little-endian.
pub(super) struct ZipFields<'a> {
    rest: &'a [u8],
}

impl<'a> ZipFields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn at(bytes: &'a [u8], place: usize) -> Option<Self> {
        bytes.get(place..).map(Self::new)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }
}

/// Extra field with numbers of 64 bits.
const ZIP64: u16 = 0x0001;

/// Extra field with a name in UTF-8.
const UNICODE_PATH: u16 = 0x7075;

/// The extra field of a kind.
fn extra_field(mut extra: &[u8], wanted: u16) -> Option<&[u8]> {
    loop {
        let mut fields = ZipFields::new(extra);
        let (kind, n_bytes) = (fields.u16()?, fields.u16()?);
        let (field, rest) = fields.rest.split_at_checked(n_bytes.into())?;
        if kind == wanted {
            return Some(field);
        }
        extra = rest;
    }
}

/// Unpacked bytes, packed bytes and place of a member: where a number does not fit 32 bits, it stands in
/// the extra field, in this order. `None` if it does not.
pub(super) fn zip64_numbers(short: [u32; 3], extra: &[u8]) -> Option<[u64; 3]> {
    if !short.contains(&u32::MAX) {
        return Some(short.map(u64::from));
    }
    let mut fields = ZipFields::new(extra_field(extra, ZIP64)?);
    let mut numbers = [0; 3];
    for (number, short) in numbers.iter_mut().zip(short) {
        *number = if short == u32::MAX { fields.u64()? } else { short.into() };
    }
    Some(numbers)
}

/// The name of a member: the one in UTF-8 next to it if that is its translation. Bytes that are not UTF-8
/// are shown by their numbers.
pub(super) fn name_of(raw: &[u8], extra: &[u8]) -> String {
    let translation = extra_field(extra, UNICODE_PATH).and_then(|field| {
        let (version, rest) = field.split_first()?;
        let mut fields = ZipFields::new(rest);
        let mut crc = flate2::Crc::new();
        crc.update(raw);
        let is_its_own = *version == 1 && fields.u32()? == crc.sum();
        is_its_own.then_some(fields.rest)
    });
    shown_bytes(translation.unwrap_or(raw))
}
