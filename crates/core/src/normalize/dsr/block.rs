//! The block of a DSR report that is being read: its recordings and releases, by the references that
//! the usage records of the block make.

use std::collections::{HashMap, HashSet};

use crate::ingest::dsr::records::{
    DSP_ID, DsrItem, ICPN, ISRC, REFERENCE, USED_RESOURCES, VIDEO_IDS,
};
use crate::ingest::dsr::{RecordCells, only_value, unescaped, values};
use crate::model::isrc::Isrc;
use crate::model::upc::Upc;

/// Most records of one block: it is kept in memory.
const RECORDS_MAX: usize = 1 << 17;

/// Recordings and releases of a block. References and licensee's ids of recordings, references and
/// licensee's ids of releases are four name spaces: a recording `1` and a release `1` are different
/// things.
#[derive(Debug, Default)]
pub(crate) struct ReportBlock {
    id: Vec<u8>,
    /// Whether the next record is of another block, though it may be called the same.
    is_ended: bool,
    resources: Vec<BlockResource>,
    releases: Vec<BlockRelease>,
    resource_references: RecordNames,
    resource_ids: RecordNames,
    release_references: RecordNames,
    release_ids: RecordNames,
    /// Licensee's ids of videos and playlists that use the recordings of the block.
    videos: HashSet<Vec<u8>>,
}

/// A name space of a block: which record has a name.
#[derive(Debug, Default)]
struct RecordNames(HashMap<Vec<u8>, NamedRecords>);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NamedRecords {
    /// The record at this place.
    One(usize),
    /// Records that say different things: nobody can tell which is meant.
    Several,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct BlockResource {
    isrc: Option<Isrc>,
    /// A text that is no valid ISRC.
    isrc_text: Option<String>,
    dsp_id: String,
}

#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct BlockRelease {
    upc: Option<Upc>,
    /// One that is none.
    upc_text: Option<String>,
    dsp_id: String,
    /// References to the recordings of a part of a release; `None` for a whole one.
    used_resources: Option<Vec<u8>>,
}

/// What was used, in our words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct UsedRecords {
    pub(crate) isrc: Option<Isrc>,
    pub(crate) upc: Option<Upc>,
    /// The licensee's id, or an ISRC that is none.
    pub(crate) store_track: Option<String>,
    /// A text that is no valid ISRC.
    pub(crate) bad_isrc: Option<String>,
    /// A text that is no valid UPC.
    pub(crate) bad_upc: Option<String>,
}

/// A reference to what the block does not have, or has more than once.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotInBlock {
    /// The cell that refers.
    pub(crate) column: &'static str,
    /// What it should refer to.
    pub(crate) expected: &'static str,
    /// What it refers to.
    pub(crate) reference: String,
}

const RELEASE: BlockReference = BlockReference {
    column: "TransactedRelease",
    expected: "the reference of one release of the same block",
};
const RESOURCE: BlockReference = BlockReference {
    column: "TransactedResource",
    expected: "the reference of one recording of the same block",
};
const USED: BlockReference = BlockReference {
    column: "UsedResources",
    expected: "references of recordings of the same block",
};
/// The cell is called so up to SU03.01, and `DspResourceId` from SU03.02 on.
const LICENSEE_ID: BlockReference = BlockReference {
    column: "DspReleaseId",
    expected: "the licensee's id of one recording, release or video of the same block",
};

/// A kind of reference.
#[derive(Debug, Clone, Copy)]
struct BlockReference {
    column: &'static str,
    expected: &'static str,
}

impl BlockReference {
    fn is_to_nothing(self, cell: &[u8]) -> NotInBlock {
        NotInBlock { column: self.column, expected: self.expected, reference: text(cell) }
    }
}

impl RecordNames {
    /// Gives a record a name; `is_same` says whether the record that has it already says the same.
    fn insert(&mut self, name: &[u8], place: usize, is_same: impl FnOnce(usize) -> bool) {
        if name.is_empty() {
            return;
        }
        match self.0.get_mut(name) {
            None => drop(self.0.insert(name.to_vec(), NamedRecords::One(place))),
            Some(NamedRecords::One(known)) if is_same(*known) => {}
            Some(named) => *named = NamedRecords::Several,
        }
    }

    fn get(&self, name: &[u8]) -> Option<NamedRecords> {
        self.0.get(name).copied()
    }
}

fn text(bytes: &[u8]) -> String {
    unescaped(&String::from_utf8_lossy(bytes)).into_owned()
}

impl ReportBlock {
    /// Takes the next record as the first one of a block, whatever the block before it is called.
    pub(crate) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The id of the block.
    pub(crate) fn id(&self) -> &[u8] {
        &self.id
    }

    /// Begins another block if the id is another one; says whether it did.
    pub(crate) fn enter(&mut self, id: &[u8]) -> bool {
        if self.id == id && !self.is_ended {
            return false;
        }
        self.is_ended = false;
        self.id = id.to_vec();
        self.resources.clear();
        self.releases.clear();
        for names in [
            &mut self.resource_references,
            &mut self.resource_ids,
            &mut self.release_references,
            &mut self.release_ids,
        ] {
            names.0.clear();
        }
        self.videos.clear();
        true
    }

    /// Whether it can take another record.
    pub(crate) fn has_room(&self) -> bool {
        self.resources.len() + self.releases.len() + self.videos.len() < RECORDS_MAX
    }

    /// Takes a recording in.
    pub(crate) fn add_resource(&mut self, cells: &RecordCells<'_>) {
        let resource = resource(cells.get(ISRC), cells.get(DSP_ID));
        let is_same = |known: usize| self.resources[known] == resource;
        let place = self.resources.len();
        self.resource_references.insert(cells.get(REFERENCE), place, is_same);
        self.resource_ids.insert(cells.get(DSP_ID), place, is_same);
        self.resources.push(resource);
    }

    /// Takes a release in.
    pub(crate) fn add_release(&mut self, cells: &RecordCells<'_>) {
        let (upc, upc_text) = upc(cells.get(ICPN));
        let dsp_id = text(cells.get(DSP_ID));
        self.push_release(cells, BlockRelease { upc, upc_text, dsp_id, used_resources: None });
    }

    /// Takes a part of a release in.
    pub(crate) fn add_sub_release(&mut self, cells: &RecordCells<'_>) {
        let dsp_id = text(cells.get(DSP_ID));
        let used_resources = Some(cells.get(USED_RESOURCES).to_vec());
        self.push_release(
            cells,
            BlockRelease { upc: None, upc_text: None, dsp_id, used_resources },
        );
    }

    fn push_release(&mut self, cells: &RecordCells<'_>, release: BlockRelease) {
        let is_same = |known: usize| self.releases[known] == release;
        let place = self.releases.len();
        self.release_references.insert(cells.get(REFERENCE), place, is_same);
        self.release_ids.insert(cells.get(DSP_ID), place, is_same);
        self.releases.push(release);
    }

    /// Takes ids of videos in that use the recordings of the block; says whether there is room.
    pub(crate) fn add_videos(&mut self, cells: &RecordCells<'_>) -> bool {
        for id in values(cells.get(VIDEO_IDS)).map(<[u8]>::trim_ascii) {
            if !self.has_room() {
                return false;
            }
            if !id.is_empty() {
                self.videos.insert(id.to_vec());
            }
        }
        true
    }

    /// What a usage record says was used.
    ///
    /// # Errors
    /// [`NotInBlock`]: a reference to nothing, or to one of several, which nobody may guess.
    pub(crate) fn used(
        &self,
        item: &DsrItem,
        cells: &RecordCells<'_>,
    ) -> Result<UsedRecords, NotInBlock> {
        match item {
            DsrItem::References { release, resource } => {
                let release = self.release_at(cells.get(*release))?;
                let resource = self.resource_at(cells.get(*resource))?;
                match (release, resource) {
                    (None, None) => Err(RESOURCE.is_to_nothing(b"")),
                    (Some(release), None) => self.used_release(release),
                    (release, resource) => Ok(self.used_resource(resource, release)),
                }
            }
            DsrItem::DspId(place) => self.used_id(cells.get(*place)),
            DsrItem::Here { isrc, icpn, dsp_resource } => {
                let resource = resource(cells.get(*isrc), cells.get(*dsp_resource));
                let (upc, upc_text) = upc(cells.get(*icpn));
                let release = BlockRelease { upc, upc_text, ..BlockRelease::default() };
                Ok(self.used_resource(Some(&resource), Some(&release)))
            }
        }
    }

    /// What a licensee's id stands for. Records of usage name recordings by it, though the cell is
    /// called one of a release in older versions; only an id that no recording has is a release's,
    /// and only one that neither has is a video's.
    fn used_id(&self, id: &[u8]) -> Result<UsedRecords, NotInBlock> {
        let unknown = || LICENSEE_ID.is_to_nothing(id);
        match (self.resource_ids.get(id), self.release_ids.get(id)) {
            (Some(NamedRecords::One(place)), _) => {
                Ok(self.used_resource(Some(&self.resources[place]), self.whole_release()))
            }
            (None, Some(NamedRecords::One(place))) => self.used_release(&self.releases[place]),
            (None, None) if self.videos.contains(id) => match self.resources.as_slice() {
                [only] => Ok(self.used_resource(Some(only), self.whole_release())),
                // It uses all recordings of the block: none of them is the one that was used.
                _ => Ok(UsedRecords { store_track: Some(text(id)), ..UsedRecords::default() }),
            },
            (Some(NamedRecords::Several) | None, _) => Err(unknown()),
        }
    }

    /// A release that was used as a whole; of one that is a part, its recording if it has only one.
    fn used_release(&self, release: &BlockRelease) -> Result<UsedRecords, NotInBlock> {
        let mut resources = Vec::new();
        for reference in values(release.used_resources.as_deref().unwrap_or_default()) {
            resources.extend(self.resource_of(reference.trim_ascii(), USED)?);
        }
        match resources.as_slice() {
            [] if release.used_resources.is_some() => Err(USED.is_to_nothing(b"")),
            [only] => Ok(self.used_resource(Some(only), Some(release))),
            _ => Ok(self.used_resource(None, Some(release))),
        }
    }

    fn used_resource(
        &self,
        resource: Option<&BlockResource>,
        release: Option<&BlockRelease>,
    ) -> UsedRecords {
        // The UPC of a part is that of the release that it is a part of.
        let whole = match release {
            Some(BlockRelease { used_resources: Some(_), .. }) => self.whole_release(),
            whole => whole,
        };
        let track = match resource {
            Some(resource) if !resource.dsp_id.is_empty() => Some(resource.dsp_id.clone()),
            Some(resource) => resource.isrc_text.clone(),
            None => release.map(|release| release.dsp_id.clone()),
        };
        UsedRecords {
            isrc: resource.and_then(|resource| resource.isrc),
            upc: whole.and_then(|release| release.upc),
            store_track: track.filter(|id| !id.is_empty()),
            bad_isrc: resource.and_then(|resource| resource.isrc_text.clone()),
            bad_upc: whole.and_then(|release| release.upc_text.clone()),
        }
    }

    /// The release that the block is about; `None` if it has none, or several.
    fn whole_release(&self) -> Option<&BlockRelease> {
        let mut whole = self.releases.iter().filter(|release| release.used_resources.is_none());
        let first = whole.next()?;
        whole.all(|other| other == first).then_some(first)
    }

    /// The release of a cell; `None` if the cell is empty. A list is not one reference.
    fn release_at(&self, cell: &[u8]) -> Result<Option<&BlockRelease>, NotInBlock> {
        let name = only_value(cell).unwrap_or(cell);
        match self.release_references.get(name) {
            _ if name.is_empty() => Ok(None),
            Some(NamedRecords::One(release)) => Ok(Some(&self.releases[release])),
            _ => Err(RELEASE.is_to_nothing(cell)),
        }
    }

    /// The recording of a cell; `None` if the cell is empty. A list is not one reference.
    fn resource_at(&self, cell: &[u8]) -> Result<Option<&BlockResource>, NotInBlock> {
        self.resource_of(only_value(cell).unwrap_or(cell), RESOURCE)
    }

    fn resource_of(
        &self,
        name: &[u8],
        reference: BlockReference,
    ) -> Result<Option<&BlockResource>, NotInBlock> {
        match self.resource_references.get(name) {
            _ if name.is_empty() => Ok(None),
            Some(NamedRecords::One(resource)) => Ok(Some(&self.resources[resource])),
            _ => Err(reference.is_to_nothing(name)),
        }
    }
}

/// A recording by its ISRC, of which it may have several: then none is the one that was used.
fn resource(isrcs: &[u8], dsp_id: &[u8]) -> BlockResource {
    let cell = only_value(isrcs);
    let isrc = cell.and_then(Isrc::parse);
    let isrc_text = (isrc.is_none() && !isrcs.is_empty()).then(|| text(isrcs));
    BlockResource { isrc, isrc_text, dsp_id: text(dsp_id) }
}

fn upc(cell: &[u8]) -> (Option<Upc>, Option<String>) {
    let upc = only_value(cell).and_then(Upc::parse);
    (upc, (upc.is_none() && !cell.is_empty()).then(|| text(cell)))
}
