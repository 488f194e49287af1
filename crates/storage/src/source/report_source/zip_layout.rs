//! What a zip archive is made of, to the last byte: the members that its central directory lists, one
//! after the other from the first byte on, then the directory, then its end. Bytes that belong to none
//! of these could be a report that nobody reads, and headers that contradict the directory could be
//! read otherwise by others, so that either makes the archive unsafe.

use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};

use super::ZipError;
use super::zip_fields::{ZipFields, name_of, zip64_numbers};
use crate::source::shown_names::shown_bytes;

/// Most members of an archive: a store sends a dozen at most.
pub(super) const MEMBERS_MAX: u64 = 1000;

/// Most bytes of a central directory.
const DIRECTORY_BYTES_MAX: u64 = 16 << 20;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END_64: u32 = 0x0606_4b50;
const LOCATOR_64: u32 = 0x0706_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

const LOCAL_BYTES: u64 = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: u64 = 22;
const END_64_BYTES: u64 = 56;
const LOCATOR_64_BYTES: u64 = 20;

/// Most bytes of a comment, whose length has 16 bits.
const COMMENT_BYTES_MAX: u64 = 0xffff;

const IS_ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
const HAS_DESCRIPTOR: u16 = 1 << 3;

/// How the bytes of a member are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackMethod {
    Stored,
    Deflated,
}

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ZipEntry {
    /// Its path in the archive, with `/`.
    pub(super) name: String,
    pub(super) method: PackMethod,
    /// CRC-32 of its unpacked bytes.
    pub(super) crc: u32,
    pub(super) packed_bytes: u64,
    pub(super) unpacked_bytes: u64,
    /// Where its packed bytes start.
    pub(super) data_start: u64,
}

impl ZipEntry {
    pub(super) fn is_folder(&self) -> bool {
        self.name.ends_with('/')
    }
}

/// What the central directory says of a member.
struct ListedEntry {
    raw_name: Vec<u8>,
    name: String,
    flags: u16,
    method: u16,
    crc: u32,
    packed_bytes: u64,
    unpacked_bytes: u64,
    offset: u64,
}

/// Where the central directory is, by the end of the archive.
#[derive(Debug, Clone, Copy)]
struct ZipDirectory {
    start: u64,
    n_bytes: u64,
    n_members: u64,
}

/// The members of an archive in the order of their bytes.
pub(super) fn read_layout(source: &mut (impl Read + Seek)) -> Result<Vec<ZipEntry>, ZipError> {
    let file_bytes = source.seek(SeekFrom::End(0))?;
    let directory = find_directory(source, file_bytes)?;
    if MEMBERS_MAX < directory.n_members {
        return Err(ZipError::TooManyMembers { n_members: directory.n_members });
    }
    if DIRECTORY_BYTES_MAX < directory.n_bytes {
        return Err(unsafe_("its central directory is longer than 16 MiB"));
    }
    let mut listed = read_directory(source, directory)?;
    require_names(&listed)?;
    listed.sort_by_key(|member| member.offset);
    let ends = listed.iter().skip(1).map(|next| next.offset).chain([directory.start]);
    let ends: Vec<u64> = ends.collect();
    let mut entries = Vec::with_capacity(listed.len());
    let mut position = 0;
    for (member, end) in listed.iter().zip(ends) {
        if position != member.offset {
            return Err(unlisted(position, member.offset));
        }
        entries.push(read_member(source, member, end)?);
        position = end;
    }
    if position != directory.start {
        return Err(unlisted(position, directory.start));
    }
    Ok(entries)
}

fn unsafe_(why: impl Into<String>) -> ZipError {
    ZipError::Unsafe { why: why.into() }
}

fn broken(why: impl Into<String>) -> ZipError {
    ZipError::Broken { why: why.into() }
}

fn unlisted(from: u64, to: u64) -> ZipError {
    let why = if from < to {
        format!("{} bytes from byte {from} on belong to no listed member", to - from)
    } else {
        format!("members overlap at byte {to}")
    };
    unsafe_(why)
}

fn read_at(
    source: &mut (impl Read + Seek),
    position: u64,
    n_bytes: u64,
) -> Result<Vec<u8>, ZipError> {
    source.seek(SeekFrom::Start(position))?;
    let mut bytes = Vec::new();
    source.take(n_bytes).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == n_bytes { Ok(bytes) } else { Err(broken("it is cut off")) }
}

/// Finds the end of the archive, behind which only its comment stands.
fn find_directory(
    source: &mut (impl Read + Seek),
    file_bytes: u64,
) -> Result<ZipDirectory, ZipError> {
    let tail_bytes = file_bytes.min(END_BYTES + COMMENT_BYTES_MAX);
    let tail_start = file_bytes - tail_bytes;
    let tail = read_at(source, tail_start, tail_bytes)?;
    let mut fitting = Vec::new();
    let mut last = None;
    for place in memchr::memmem::find_iter(&tail, &END.to_le_bytes()) {
        let Some(mut fields) = ZipFields::at(&tail, place + 4) else { continue };
        let Some(end) = EndRecord::read(&mut fields) else { continue };
        let record_end = place as u64 + END_BYTES + u64::from(end.comment_bytes);
        last = Some(record_end);
        if record_end == tail_bytes {
            fitting.push((place, end));
        }
    }
    let (place, end) = match (fitting.pop(), last) {
        (Some(found), _) if fitting.is_empty() => found,
        (Some(_), _) => return Err(unsafe_("it ends in two ways: a comment holds another end")),
        (None, Some(end)) if end < tail_bytes => {
            let n_bytes = tail_bytes - end;
            return Err(unsafe_(format!("{n_bytes} bytes follow its end, and are no comment")));
        }
        (None, _) => return Err(broken("it has no end: it is cut off")),
    };
    let comment = &tail[place..].get(22..).unwrap_or_default();
    if [LOCAL, CENTRAL, END]
        .iter()
        .any(|mark| memchr::memmem::find(comment, &mark.to_le_bytes()).is_some())
    {
        return Err(unsafe_("its comment holds another archive"));
    }
    directory_of(source, end, tail_start + place as u64)
}

/// The record at the end of every archive.
#[derive(Debug, Clone, Copy)]
struct EndRecord {
    disk: u16,
    directory_disk: u16,
    n_members_here: u16,
    n_members: u16,
    n_bytes: u32,
    start: u32,
    comment_bytes: u16,
}

impl EndRecord {
    fn read(fields: &mut ZipFields<'_>) -> Option<Self> {
        Some(Self {
            disk: fields.u16()?,
            directory_disk: fields.u16()?,
            n_members_here: fields.u16()?,
            n_members: fields.u16()?,
            n_bytes: fields.u32()?,
            start: fields.u32()?,
            comment_bytes: fields.u16()?,
        })
    }
}

/// Where the directory is, by an end record at a position of the file; an archive of 64 bits has a
/// second one before it.
fn directory_of(
    source: &mut (impl Read + Seek),
    end: EndRecord,
    position: u64,
) -> Result<ZipDirectory, ZipError> {
    let short = ZipDirectory {
        start: end.start.into(),
        n_bytes: end.n_bytes.into(),
        n_members: end.n_members.into(),
    };
    let is_long = end.start == u32::MAX || end.n_bytes == u32::MAX || end.n_members == u16::MAX;
    let ends_here = short.start.checked_add(short.n_bytes) == Some(position);
    let locator = match position.checked_sub(LOCATOR_64_BYTES) {
        Some(before) => read_at(source, before, LOCATOR_64_BYTES)?,
        None => Vec::new(),
    };
    let mut fields = ZipFields::new(&locator);
    let has_locator = fields.u32() == Some(LOCATOR_64);
    if !is_long && (ends_here || !has_locator) {
        let is_split =
            [end.disk, end.directory_disk] != [0, 0] || end.n_members_here != end.n_members;
        if is_split {
            return Err(broken("it is a part of an archive of several files"));
        }
        return if ends_here { Ok(short) } else { Err(misplaced(short, position)) };
    }
    if !has_locator {
        return Err(broken("its end says 64 bits, and the record of those is missing"));
    }
    let locator = (|| Some((fields.u32()?, fields.u64()?, fields.u32()?)))();
    let (Some((0, at, 0 | 1)), Some(locator_at)) =
        (locator, position.checked_sub(LOCATOR_64_BYTES))
    else {
        return Err(broken("it is a part of an archive of several files"));
    };
    if at.checked_add(END_64_BYTES) != Some(locator_at) {
        return Err(unsafe_("its 64-bit end record does not stand before its end"));
    }
    let record = read_at(source, at, END_64_BYTES)?;
    let long = end_64(&record).ok_or_else(|| broken("its 64-bit end record is none"))?;
    let agrees = |short: u64, sentinel: u64, long: u64| short == sentinel || short == long;
    let is_same = agrees(short.start, u32::MAX.into(), long.start)
        && agrees(short.n_bytes, u32::MAX.into(), long.n_bytes)
        && agrees(short.n_members, u16::MAX.into(), long.n_members);
    if !is_same {
        return Err(unsafe_("its two end records contradict each other"));
    }
    if long.start.checked_add(long.n_bytes) == Some(at) {
        Ok(long)
    } else {
        Err(misplaced(long, at))
    }
}

fn misplaced(directory: ZipDirectory, end: u64) -> ZipError {
    let stated = directory.start.checked_add(directory.n_bytes);
    let Some(n_bytes) = stated.and_then(|stated| end.checked_sub(stated)) else {
        return broken("its central directory does not lie where its end says: it is cut off");
    };
    unsafe_(format!(
        "{n_bytes} bytes stand before it or behind its central directory, and belong to no listed member"
    ))
}

fn end_64(record: &[u8]) -> Option<ZipDirectory> {
    let mut fields = ZipFields::new(record);
    let (mark, n_bytes) = (fields.u32()?, fields.u64()?);
    let (_made_by, _needs) = (fields.u16()?, fields.u16()?);
    let disks = [fields.u32()?, fields.u32()?];
    let (n_here, n_members) = (fields.u64()?, fields.u64()?);
    let directory = ZipDirectory { n_members, n_bytes: fields.u64()?, start: fields.u64()? };
    let is_one = mark == END_64 && n_bytes + 12 == END_64_BYTES && disks == [0, 0];
    (is_one && n_here == n_members).then_some(directory)
}

fn read_directory(
    source: &mut (impl Read + Seek),
    directory: ZipDirectory,
) -> Result<Vec<ListedEntry>, ZipError> {
    let bytes = read_at(source, directory.start, directory.n_bytes)?;
    let mut rest = bytes.as_slice();
    let mut listed = Vec::new();
    while !rest.is_empty() {
        let (member, n_bytes) = read_listed(rest)
            .ok_or_else(|| unsafe_("its central directory holds what is no member"))?;
        rest = &rest[n_bytes..];
        listed.push(member);
    }
    if listed.len() as u64 != directory.n_members {
        return Err(unsafe_(format!(
            "its end says {} members, its central directory lists {}",
            directory.n_members,
            listed.len()
        )));
    }
    Ok(listed)
}

/// A member as the directory lists it, and how long that is.
fn read_listed(bytes: &[u8]) -> Option<(ListedEntry, usize)> {
    let mut fields = ZipFields::new(bytes);
    if fields.u32()? != CENTRAL {
        return None;
    }
    let (_made_by, _needs) = (fields.u16()?, fields.u16()?);
    let (flags, method, _time, _date) =
        (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
    let (crc, packed, unpacked) = (fields.u32()?, fields.u32()?, fields.u32()?);
    let lengths = [fields.u16()?, fields.u16()?, fields.u16()?].map(usize::from);
    let (disk, _inner, _outer, offset) =
        (fields.u16()?, fields.u16()?, fields.u32()?, fields.u32()?);
    let raw_name = bytes.get(CENTRAL_BYTES..)?.get(..lengths[0])?;
    let extra = bytes.get(CENTRAL_BYTES + lengths[0]..)?.get(..lengths[1])?;
    let n_bytes = CENTRAL_BYTES + lengths.iter().sum::<usize>();
    bytes.get(..n_bytes)?;
    let [unpacked_bytes, packed_bytes, offset] = zip64_numbers([unpacked, packed, offset], extra)?;
    if disk != 0 && disk != u16::MAX {
        return None;
    }
    let name = name_of(raw_name, extra);
    let raw_name = raw_name.to_owned();
    let member =
        ListedEntry { raw_name, name, flags, method, crc, packed_bytes, unpacked_bytes, offset };
    Some((member, n_bytes))
}

/// Names lead nowhere else, and none comes twice, however it is written.
fn require_names(listed: &[ListedEntry]) -> Result<(), ZipError> {
    let mut known: BTreeMap<String, &str> = BTreeMap::new();
    for member in listed {
        let name = &member.name;
        let parts: Vec<String> = name
            .replace('\\', "/")
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .map(str::to_owned)
            .collect();
        let is_drive = parts.first().is_some_and(|first| first.ends_with(':'));
        let leads_out = name.starts_with(['/', '\\']) || parts.iter().any(|part| part == "..");
        if parts.is_empty() || is_drive || leads_out || name.contains('\0') {
            return Err(ZipError::UnsafeName { name: shown_bytes(name.as_bytes()) });
        }
        if let Some(other) = known.insert(parts.join("/"), name) {
            let how = if other == name { String::new() } else { format!(" (also as `{other}`)") };
            return Err(unsafe_(format!("it has more than one member named `{name}`{how}")));
        }
        if name.ends_with('/') && member.unpacked_bytes != 0 {
            return Err(unsafe_(format!("its member `{name}` is named as a folder and has bytes")));
        }
    }
    Ok(())
}

/// Reads the header before a member's bytes, and finds that nothing but what it and the directory say
/// stands before `end`.
fn read_member(
    source: &mut (impl Read + Seek),
    listed: &ListedEntry,
    end: u64,
) -> Result<ZipEntry, ZipError> {
    let name = &listed.name;
    let local = read_at(source, listed.offset, LOCAL_BYTES)?;
    let mut fields = ZipFields::new(&local);
    let header = LocalHeader::read(&mut fields)
        .ok_or_else(|| unsafe_(format!("there is no header where `{name}` is said to be")))?;
    let named = read_at(source, listed.offset + LOCAL_BYTES, header.name_and_extra_bytes())?;
    let (raw_name, extra) = named.split_at(header.name_bytes.into());
    if raw_name != listed.raw_name || name_of(raw_name, extra) != *name {
        let other = name_of(raw_name, extra);
        let why = format!("its directory lists `{name}` where a header names `{other}`");
        return Err(unsafe_(why));
    }
    if (header.flags | listed.flags) & IS_ENCRYPTED != 0 {
        return Err(ZipError::member(name, "is encrypted: have it sent without a password"));
    }
    let has_descriptor = (header.flags | listed.flags) & HAS_DESCRIPTOR != 0;
    if !header.agrees_with(listed, extra, has_descriptor) {
        let why = format!("the header of its member `{name}` contradicts its directory");
        return Err(unsafe_(why));
    }
    let method = match listed.method {
        0 => PackMethod::Stored,
        8 => PackMethod::Deflated,
        method => {
            let why = format!("is packed by method {method}; read are 0 (stored) and 8 (deflated)");
            return Err(ZipError::member(name, why));
        }
    };
    let data_start = listed.offset + LOCAL_BYTES + header.name_and_extra_bytes();
    let data_end = data_start.checked_add(listed.packed_bytes).filter(|at| *at <= end);
    let Some(data_end) = data_end else {
        return Err(unsafe_(format!("its member `{name}` reaches into what stands behind it")));
    };
    let left = end - data_end;
    let is_accounted_for = match left {
        0 => true,
        12 | 16 | 20 | 24 if has_descriptor => {
            is_descriptor(&read_at(source, data_end, left)?, listed)
        }
        _ => false,
    };
    if !is_accounted_for {
        let why = format!("{left} bytes behind its member `{name}` belong to no listed member");
        return Err(unsafe_(why));
    }
    Ok(ZipEntry {
        name: name.clone(),
        method,
        crc: listed.crc,
        packed_bytes: listed.packed_bytes,
        unpacked_bytes: listed.unpacked_bytes,
        data_start,
    })
}

/// The header before a member's bytes.
struct LocalHeader {
    flags: u16,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    name_bytes: u16,
    extra_bytes: u16,
}

impl LocalHeader {
    fn read(fields: &mut ZipFields<'_>) -> Option<Self> {
        if fields.u32()? != LOCAL {
            return None;
        }
        let _needs = fields.u16()?;
        let (flags, method, _time, _date) =
            (fields.u16()?, fields.u16()?, fields.u16()?, fields.u16()?);
        Some(Self {
            flags,
            method,
            crc: fields.u32()?,
            packed: fields.u32()?,
            unpacked: fields.u32()?,
            name_bytes: fields.u16()?,
            extra_bytes: fields.u16()?,
        })
    }

    fn name_and_extra_bytes(&self) -> u64 {
        u64::from(self.name_bytes) + u64::from(self.extra_bytes)
    }

    /// Whether it says what the directory says; where a descriptor follows, it may leave numbers out.
    fn agrees_with(&self, listed: &ListedEntry, extra: &[u8], has_descriptor: bool) -> bool {
        let Some([unpacked, packed, _]) = zip64_numbers([self.unpacked, self.packed, 0], extra)
        else {
            return false;
        };
        let said = [u64::from(self.crc), unpacked, packed];
        let expected = [u64::from(listed.crc), listed.unpacked_bytes, listed.packed_bytes];
        let agrees =
            |(said, expected): (&u64, &u64)| said == expected || (has_descriptor && *said == 0);
        self.method == listed.method && said.iter().zip(&expected).all(agrees)
    }
}

/// Whether these bytes are the descriptor of a member: its numbers, with a mark or without.
fn is_descriptor(bytes: &[u8], listed: &ListedEntry) -> bool {
    let bytes = match bytes.len() {
        16 | 24 => match bytes.strip_prefix(&DESCRIPTOR.to_le_bytes()) {
            Some(rest) => rest,
            None => return false,
        },
        _ => bytes,
    };
    let mut fields = ZipFields::new(bytes);
    let crc = fields.u32();
    let is_long = bytes.len() == 20;
    let mut number = || if is_long { fields.u64() } else { fields.u32().map(u64::from) };
    crc == Some(listed.crc)
        && number() == Some(listed.packed_bytes)
        && number() == Some(listed.unpacked_bytes)
}

#[cfg(test)]
mod tests;
