//! The folders in which a change can give a file other contents.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use crate::generation::signature::folder_of;

/// The most links that are followed for one file, as Linux does.
const LINKS: usize = 40;

/// The folders to watch for this file. The file may be a link, and so may its folders: the folder
/// of each link on the way counts, and the folder of the last target. So does the folder above
/// each, where the folder itself may be replaced.
pub(super) fn folders_on_the_way(file: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut path = file.to_owned();
    for _ in 0..=LINKS {
        add_folder(&mut folders, &path);
        let Some((link, next)) = follow_first_link(&path) else {
            break;
        };
        add_folder(&mut folders, &link);
        path = next;
    }
    folders
}

fn add_folder(folders: &mut BTreeSet<PathBuf>, path: &Path) {
    let folder = folder_of(path);
    folders.insert(folder_of(&folder));
    folders.insert(folder);
}

/// The first link of a path, and the path with its target in place of the link.
fn follow_first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut walked = PathBuf::new();
    let mut rest = path.components();
    while let Some(component) = rest.next() {
        walked.push(component);
        let is_name = matches!(component, Component::Normal(_));
        if let (true, Ok(target)) = (is_name, std::fs::read_link(&walked)) {
            let next = folder_of(&walked).join(target).join(rest.as_path());
            // An empty rest leaves a slash, which no file may have.
            return Some((walked, next.components().collect()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_link_on_the_way_counts_with_its_folder() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().canonicalize().unwrap();
        for folder in ["conf", "data/2026_1", "far/away"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::write(root.join("far/away/real.pem"), "").unwrap();
        symlink("2026_1", root.join("data/current")).unwrap();
        symlink("../../far/away/real.pem", root.join("data/2026_1/c.pem")).unwrap();
        symlink(root.join("data/current/c.pem"), root.join("conf/c.pem")).unwrap();
        let found = folders_on_the_way(&root.join("conf/c.pem"));
        for folder in ["conf", "data/current", "data", "far/away"] {
            let wanted = root.join(folder).canonicalize().unwrap();
            let is_watched = found.iter().any(|one| {
                let one = one.canonicalize();
                one.is_ok_and(|one| one == wanted)
            });
            assert!(is_watched, "{folder}: {found:?}");
        }
        // A circle of links ends, and so does a link to nothing.
        symlink("b", root.join("conf/a")).unwrap();
        symlink("a", root.join("conf/b")).unwrap();
        symlink("/nothing/here", root.join("conf/none")).unwrap();
        for file in ["conf/a", "conf/none"] {
            assert!(folders_on_the_way(&root.join(file)).contains(&root.join("conf")));
        }
        assert!(folders_on_the_way(Path::new("m.toml")).contains(Path::new(".")));
    }
}
