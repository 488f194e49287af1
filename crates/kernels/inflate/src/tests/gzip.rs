//! Members, headers, checksums and ends of gzip.

use std::io::{self, BufReader, ErrorKind};

use flate2::GzBuilder;
use proptest::prelude::*;

use super::super::gzip::GunzipReader;
use super::*;

/// Reads to the end in pieces, keeping a window before the write position.
fn gunzipped(packed: &[u8], n_input: usize, n_output: usize) -> io::Result<Vec<u8>> {
    let mut reader = GunzipReader::new(BufReader::with_capacity(n_input, packed));
    let mut buffer = vec![0; WINDOW_BYTES + n_output];
    let (mut bytes, mut position) = (Vec::new(), 0);
    loop {
        let start = position;
        reader.read_into(&mut buffer, &mut position)?;
        bytes.extend_from_slice(&buffer[start..position]);
        if position < buffer.len() {
            reader.read_into(&mut buffer, &mut position)?;
            return Ok(bytes);
        }
        buffer.copy_within(n_output.., 0);
        position = WINDOW_BYTES;
    }
}

fn member(data: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::new(6));
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

fn kind(packed: &[u8]) -> ErrorKind {
    let kind = gunzipped(packed, 1000, 1000).unwrap_err().kind();
    assert_eq!(gunzipped(packed, 1, 1).unwrap_err().kind(), kind);
    kind
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn members_follow_each_other(
        members in prop::collection::vec(any_data(), 1..4),
        n_input in 1_usize..3000,
        n_output in 1_usize..3000,
        n_zeros in 0_usize..1000,
    ) {
        let mut packed: Vec<u8> = members.iter().flat_map(|data| member(data)).collect();
        packed.extend(std::iter::repeat_n(0, n_zeros));
        prop_assert!(gunzipped(&packed, n_input, n_output).unwrap() == members.concat());
    }
}

#[test]
fn optional_fields_of_the_header_are_passed_over() {
    let data = rows(1, 20);
    for (extra, name, comment) in [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)] {
        let mut builder = GzBuilder::new().mtime(7);
        if extra > 0 {
            builder = builder.extra(vec![5; 300]);
        }
        if name > 0 {
            builder = builder.filename("a report");
        }
        if comment > 0 {
            builder = builder.comment("");
        }
        let mut encoder = builder.write(Vec::new(), Compression::new(6));
        encoder.write_all(&data).unwrap();
        let packed = encoder.finish().unwrap();
        assert!(gunzipped(&packed, 1, 777).unwrap() == data);
        assert!(gunzipped(&packed, 5000, 777).unwrap() == data);
    }
}

#[test]
fn the_checksum_of_the_header_is_checked() {
    let plain = member(b"data");
    let mut packed = plain[..10].to_vec();
    packed[3] = 2 | 8 | 1;
    packed.extend(b"name\0");
    let checksum = crc32fast::hash(&packed).to_le_bytes();
    packed.extend(&checksum[..2]);
    packed.extend(&plain[10..]);
    assert_eq!(gunzipped(&packed, 10, 10).unwrap(), b"data");
    packed[10] ^= 1;
    assert_eq!(kind(&packed), ErrorKind::InvalidData);
}

#[test]
fn every_cut_is_an_unexpected_end() {
    let packed = member(&rows(2, 8));
    for cut in 0..packed.len() {
        assert_eq!(kind(&packed[..cut]), ErrorKind::UnexpectedEof, "{cut}");
    }
    let two = [packed.clone(), packed.clone()].concat();
    for cut in packed.len() + 1..two.len() {
        assert_eq!(kind(&two[..cut]), ErrorKind::UnexpectedEof, "{cut}");
    }
}

#[test]
fn damage_is_invalid_data() {
    let packed = member(&rows(2, 8));
    let n_bytes = packed.len();
    // Magic, method, reserved flags, checksum, length.
    for place in [0, 1, 2, n_bytes - 8, n_bytes - 5, n_bytes - 4, n_bytes - 1] {
        let mut packed = packed.clone();
        packed[place] ^= 1;
        assert_eq!(kind(&packed), ErrorKind::InvalidData, "{place}");
    }
    for flag in [0x20, 0x40, 0x80] {
        let mut packed = packed.clone();
        packed[3] |= flag;
        assert_eq!(kind(&packed), ErrorKind::InvalidData);
    }
}

#[test]
fn no_single_change_of_the_body_goes_unseen() {
    let data = rows(2, 8);
    let packed = member(&data);
    for bit in 80..8 * packed.len() {
        let mut packed = packed.clone();
        packed[bit / 8] ^= 1 << (bit % 8);
        // Behind the end of the last block there are up to seven bits that say nothing.
        let says_nothing = bit >= 8 * (packed.len() - 8) - 7 && bit < 8 * (packed.len() - 8);
        match gunzipped(&packed, 100, 5000) {
            Ok(bytes) => assert!(says_nothing && bytes == data, "{bit}"),
            Err(error) => assert!(error.get_ref().is_some(), "{bit}"),
        }
    }
}

#[test]
fn only_zeros_may_follow_the_last_member() {
    let mut packed = member(b"data");
    for garbage in [&b"\0\0\0x"[..], b"x", b"hello, there is more", b"\x1f\x8b\x09\0\0\0\0\0\0\0"] {
        let packed = [packed.as_slice(), garbage].concat();
        let error = gunzipped(&packed, 1000, 1000).unwrap_err();
        assert!(error.kind() == ErrorKind::InvalidData || garbage.len() < 10, "{garbage:?}");
    }
    packed.extend([0; 5000]);
    assert_eq!(gunzipped(&packed, 7, 7).unwrap(), b"data");
    packed.extend(member(b"more"));
    assert_eq!(kind(&packed), ErrorKind::InvalidData);
}

#[test]
fn a_member_does_not_reach_back_into_the_one_before() {
    // Fixed code: the length 3 at the distance 1, without anything before it.
    let body = [0b0000_0011, 0b0000_0010, 0, 0];
    let mut packed = member(b"data");
    packed.extend(&packed.clone()[..10]);
    packed.extend(body);
    packed.extend([0; 20]);
    let error = gunzipped(&packed, 1000, 1000).unwrap_err();
    assert_eq!(error.to_string(), InflateError::TooFarBack.to_string());
}

#[test]
fn an_error_stays() {
    let mut packed = member(b"data");
    let place = packed.len() - 8;
    packed[place] ^= 1;
    let mut reader = GunzipReader::new(packed.as_slice());
    let (mut output, mut position) = ([0; 100], 0);
    let error = reader.read_into(&mut output, &mut position).unwrap_err();
    assert_eq!(error.to_string(), "the checksum of the data is wrong");
    assert_eq!((position, &output[..4]), (4, &b"data"[..]));
    assert!(reader.read_into(&mut output, &mut position).is_err());
    assert_eq!(position, 4);
}
