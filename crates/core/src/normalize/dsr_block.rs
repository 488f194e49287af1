//! The block of a DSR report that is being read: its recordings and releases, by the references that
//! the usage records of the block make.

use std::collections::HashMap;

use crate::ingest::dsr::records::{DSP_ID, ICPN, ISRC, Item, REFERENCE, USED_RESOURCES};
use crate::ingest::dsr::{Cells, only_value, unescaped};
use crate::vocabulary::isrc::Isrc;
use crate::vocabulary::upc::Upc;

/// Most records of one block: it is kept in memory.
const RECORDS_MAX: usize = 1 << 17;

/// Recordings and releases of a block.
#[derive(Debug, Default)]
pub(super) struct Block {
    id: Vec<u8>,
    resources: Vec<Resource>,
    releases: Vec<Release>,
    by_reference: HashMap<Vec<u8>, Place>,
    by_dsp_id: HashMap<Vec<u8>, Place>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Resource(usize),
    Release(usize),
}

#[derive(Debug, Default, Clone)]
struct Resource {
    isrc: Option<Isrc>,
    /// An ISRC that is none.
    isrc_text: Option<String>,
    dsp_id: String,
}

#[derive(Debug, Default, Clone)]
struct Release {
    upc: Option<Upc>,
    /// One that is none.
    upc_text: Option<String>,
    dsp_id: String,
    /// The only recording of a part of a release.
    only_resource: Option<Vec<u8>>,
}

/// What was used, in our words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) isrc: Option<Isrc>,
    pub(super) upc: Option<Upc>,
    /// The licensee's id, or an ISRC that is none.
    pub(super) store_track: Option<String>,
    /// An ISRC that is none.
    pub(super) bad_isrc: Option<String>,
    /// A UPC that is none.
    pub(super) bad_upc: Option<String>,
}

/// A reference that the block does not have, or a block that is too large.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotInBlock {
    /// Whether it is one to a release, not to a recording.
    pub(super) is_release: bool,
    /// What it refers to.
    pub(super) reference: String,
}

fn text(bytes: &[u8]) -> String {
    unescaped(&String::from_utf8_lossy(bytes)).into_owned()
}

impl Block {
    /// Begins another block if the id is another one; says whether it did.
    pub(super) fn enter(&mut self, id: &[u8]) -> bool {
        if self.id == id {
            return false;
        }
        self.id = id.to_vec();
        self.resources.clear();
        self.releases.clear();
        self.by_reference.clear();
        self.by_dsp_id.clear();
        true
    }

    /// Whether it can take another record.
    pub(super) fn has_room(&self) -> bool {
        self.resources.len() + self.releases.len() < RECORDS_MAX
    }

    /// Takes a recording in.
    pub(super) fn add_resource(&mut self, cells: &Cells<'_>) {
        let place = Place::Resource(self.resources.len());
        let resource = resource(cells.get(ISRC), cells.get(DSP_ID));
        self.add(cells, place);
        self.resources.push(resource);
    }

    /// Takes a release in.
    pub(super) fn add_release(&mut self, cells: &Cells<'_>) {
        let place = Place::Release(self.releases.len());
        let (upc, upc_text) = upc(cells.get(ICPN));
        self.add(cells, place);
        let dsp_id = text(cells.get(DSP_ID));
        self.releases.push(Release { upc, upc_text, dsp_id, only_resource: None });
    }

    /// Takes a part of a release in.
    pub(super) fn add_sub_release(&mut self, cells: &Cells<'_>) {
        let place = Place::Release(self.releases.len());
        let only_resource = only_value(cells.get(USED_RESOURCES)).map(<[u8]>::to_vec);
        self.add(cells, place);
        let dsp_id = text(cells.get(DSP_ID));
        // The UPC is that of the release that it is a part of.
        let whole = self.releases.iter().find(|release| release.upc.is_some());
        let upc = whole.and_then(|release| release.upc);
        self.releases.push(Release { upc, upc_text: None, dsp_id, only_resource });
    }

    fn add(&mut self, cells: &Cells<'_>, place: Place) {
        self.by_reference.insert(cells.get(REFERENCE).to_vec(), place);
        self.by_dsp_id.insert(cells.get(DSP_ID).to_vec(), place);
    }

    /// What a usage record says was used.
    ///
    /// # Errors
    /// [`NotInBlock`]: a reference to nothing, which nobody may guess.
    pub(super) fn used(&self, item: &Item, cells: &Cells<'_>) -> Result<Used, NotInBlock> {
        match item {
            Item::References { release, resource } => {
                let release = self.release_at(*release, cells)?;
                let resource = match self.resource_at(*resource, cells)? {
                    Some(resource) => Some(resource),
                    None => release.and_then(|release| self.only_resource(release)),
                };
                Ok(Used::of(resource, release))
            }
            Item::DspId(place) => {
                let id = cells.get(*place);
                match self.by_dsp_id.get(id) {
                    Some(Place::Resource(resource)) => {
                        Ok(Used::of(Some(&self.resources[*resource]), self.releases.first()))
                    }
                    Some(Place::Release(release)) => {
                        let release = &self.releases[*release];
                        Ok(Used::of(self.only_resource(release), Some(release)))
                    }
                    // A video or playlist of the licensee, which the block need not describe, stands
                    // for the recordings of the block: for the one, if there is one.
                    None => match self.resources.as_slice() {
                        [only] => Ok(Used::of(Some(only), self.releases.first())),
                        _ => Ok(Used {
                            store_track: Some(text(id)).filter(|id| !id.is_empty()),
                            ..Used::default()
                        }),
                    },
                }
            }
            Item::Here { isrc, icpn, dsp_resource } => {
                let resource = resource(cells.get(*isrc), cells.get(*dsp_resource));
                let (upc, upc_text) = upc(cells.get(*icpn));
                let release = Release { upc, upc_text, ..Release::default() };
                Ok(Used::of(Some(&resource), Some(&release)))
            }
        }
    }

    fn release_at(&self, place: usize, cells: &Cells<'_>) -> Result<Option<&Release>, NotInBlock> {
        let Some(reference) = only_value(cells.get(place)) else {
            return Ok(None);
        };
        match self.by_reference.get(reference) {
            Some(Place::Release(release)) => Ok(Some(&self.releases[*release])),
            _ => Err(NotInBlock { is_release: true, reference: text(reference) }),
        }
    }

    fn resource_at(
        &self,
        place: usize,
        cells: &Cells<'_>,
    ) -> Result<Option<&Resource>, NotInBlock> {
        let Some(reference) = only_value(cells.get(place)) else {
            return Ok(None);
        };
        match self.by_reference.get(reference) {
            Some(Place::Resource(resource)) => Ok(Some(&self.resources[*resource])),
            _ => Err(NotInBlock { is_release: false, reference: text(reference) }),
        }
    }

    fn only_resource(&self, release: &Release) -> Option<&Resource> {
        match self.by_reference.get(release.only_resource.as_ref()?) {
            Some(Place::Resource(resource)) => Some(&self.resources[*resource]),
            _ => None,
        }
    }
}

/// A recording by its ISRC, of which it may have several: then none is the one that was used.
fn resource(isrcs: &[u8], dsp_id: &[u8]) -> Resource {
    let cell = only_value(isrcs);
    let isrc = cell.and_then(Isrc::parse);
    let isrc_text = (isrc.is_none() && !isrcs.is_empty()).then(|| text(isrcs));
    Resource { isrc, isrc_text, dsp_id: text(dsp_id) }
}

fn upc(cell: &[u8]) -> (Option<Upc>, Option<String>) {
    let upc = only_value(cell).and_then(Upc::parse);
    (upc, (upc.is_none() && !cell.is_empty()).then(|| text(cell)))
}

impl Used {
    fn of(resource: Option<&Resource>, release: Option<&Release>) -> Self {
        let release_id = || release.map(|release| release.dsp_id.clone());
        let track = match resource {
            Some(resource) if !resource.dsp_id.is_empty() => Some(resource.dsp_id.clone()),
            Some(resource) => resource.isrc_text.clone(),
            None => release_id(),
        };
        Self {
            isrc: resource.and_then(|resource| resource.isrc),
            upc: release.and_then(|release| release.upc),
            store_track: track.filter(|id| !id.is_empty()),
            bad_isrc: resource.and_then(|resource| resource.isrc_text.clone()),
            bad_upc: release.and_then(|release| release.upc_text.clone()),
        }
    }
}
