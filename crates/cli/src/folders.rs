//! Folders that must not lie in each other: what is in the inbox is a report, and what is in the warehouse is
//! the program's own.

use std::path::Path;

use anyhow::ensure;
use streamledger_storage::disk::reading::real_path;

/// Two folders, each with the option that names it.
type NamedFolder<'a> = (&'a str, &'a Path);

/// Whether two folders lie apart.
///
/// # Errors
/// If one is the other, or lies in it.
pub(crate) fn require_apart(
    (option, folder): NamedFolder<'_>,
    (other, of): NamedFolder<'_>,
) -> anyhow::Result<()> {
    let (one, two) = (real_path(folder), real_path(of));
    ensure!(
        !one.starts_with(&two) && !two.starts_with(&one),
        "{option} {} and {other} {} lie in each other: name folders apart",
        folder.display(),
        of.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_each_other_are_found_through_links_and_before_they_are_made() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::create_dir_all(path("inbox/spotify")).unwrap();
        std::os::unix::fs::symlink(path("inbox"), path("link")).unwrap();
        let apart = |a: &str, b: &str| {
            require_apart(("--inbox", &path(a)), ("--warehouse", &path(b))).is_ok()
        };
        assert!(apart("inbox", "warehouse"));
        assert!(apart("inbox", "inbox2"));
        for (a, b) in [
            ("inbox", "inbox"),
            ("inbox", "inbox/warehouse"),
            ("inbox", "link/spotify/new/warehouse"),
            ("new/inbox", "new"),
            ("inbox/../inbox", "link"),
        ] {
            assert!(!apart(a, b), "{a} {b}");
            assert!(!apart(b, a), "{a} {b}");
        }
    }
}
