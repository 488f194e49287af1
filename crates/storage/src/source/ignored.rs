//! Names in the inbox that are not reports, or not yet.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns of names that are passed over, whatever the case of their letters.
///
/// A pattern without `/` is that of a file or folder anywhere in the inbox; one with `/` is that of a
/// whole path in it. What is in a folder that is passed over is passed over too.
#[derive(Debug, Clone)]
pub struct IgnoredNames {
    parts: GlobSet,
    paths: GlobSet,
}

impl IgnoredNames {
    /// Patterns as a pipeline file has them.
    ///
    /// # Errors
    /// [`globset::Error`] names the first pattern that is none.
    pub fn new(patterns: &[String]) -> Result<Self, globset::Error> {
        let (mut parts, mut paths) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for pattern in patterns {
            let is_path = pattern.contains('/');
            let mut glob = GlobBuilder::new(pattern);
            let glob = glob.case_insensitive(true).literal_separator(is_path).build()?;
            if is_path {
                paths.add(glob)
            } else {
                parts.add(glob)
            };
        }
        Ok(Self { parts: parts.build()?, paths: paths.build()? })
    }

    /// Whether a path in the inbox, with `/`, is passed over.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        let is_path = ends.into_iter().any(|end| self.paths.is_match(&path[..end]));
        is_path || path.split('/').any(|part| self.parts.is_match(part))
    }
}

#[cfg(test)]
mod tests;
