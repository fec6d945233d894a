//! Files that one library leaves and the other removes.

use anyhow::{Result, ensure};
use userdata::UserdataErrorKind;

use super::scene::Scene;
use crate::check::Subject;
use crate::libxl::Returned;
use crate::setting::{LOCK, file_name};
use crate::step::Call;
use crate::tree::{Node, Tree};

/// When libxl destroys a domain, it removes every kind of file that this library makes, except a closing
/// marker, whose name is chosen to survive that.
pub(crate) fn libxls_destroy_clears_our_leftovers(subject: &Subject) -> Result<String> {
    let mut scene = Scene::new(subject)?;
    scene.ours.store(scene.domain, &scene.xl, b"ours")?;
    let marker = scene.name(b'c', LOCK);
    let temporary = scene.name(b't', b"000000000000000000000000000000ab");
    for name in [&marker, &temporary, &scene.name(b'l', LOCK)] {
        Node::private(b"").plant(scene.directory.path(), name)?;
    }
    let domid = scene.domain.domid;
    let returned = scene.libxl.call(&Call::Destroy { domid })?;
    ensure!(returned == Returned::Code(0), "libxl returned {returned:?}");
    let left = scene.tree()?;
    ensure!(left.0.keys().eq([&marker]), "there is still {left:?}");
    Ok("a value, a temporary file, a lock; not the marker".to_owned())
}

/// A libxl that is killed in the middle of a store leaves its lock and its temporary file.
pub(crate) fn our_destroy_clears_the_leftovers_of_a_killed_libxl(
    subject: &Subject,
) -> Result<String> {
    let mut scene = Scene::new(subject)?;
    let [(store, _), ..] = scene.calls(b"");
    ensure!(scene.libxl.call(&store)? == Returned::Code(0), "not stored");
    scene.libxl.begin_and_hold(&store)?;
    scene.libxl.kill()?;
    let directory = scene.directory.path();
    for (kind, userid) in [
        (b'n', &b"xl"[..]),
        (b'l', b"qmp-socket-lock"),
        (b'z', b"any"),
    ] {
        Node::private(b"").plant(directory, &file_name(kind, &scene.domain, userid))?;
    }
    let before = Tree::read(directory)?.0.len();
    ensure!(before == 5, "{before} files are left by libxl");
    let destroyed = scene
        .ours
        .destroy(scene.domain, |key| scene.host.destroy(key.domid))?;
    ensure!(destroyed.problems.is_empty(), "{:?}", destroyed.problems);
    let left = Tree::read(directory)?;
    ensure!(left == Tree::default(), "there is still {left:?}");
    Ok(format!("{before} files"))
}

pub(crate) fn libxls_destroy_within_ours_leaves_nothing(subject: &Subject) -> Result<String> {
    let mut scene = Scene::new(subject)?;
    let (domain, xl) = (scene.domain, scene.xl.clone());
    scene.ours.store(domain, &xl, b"ours")?;
    for kind in *b"ntlz" {
        Node::private(b"left").plant(scene.directory.path(), &scene.name(kind, b"left"))?;
    }
    let domid = domain.domid;
    let late = Call::Store {
        domid,
        userid: b"late".to_vec(),
        data: b"libxl's".to_vec(),
    };
    let (libxl, ours, host) = (&mut scene.libxl, &scene.ours, &scene.host);
    let (directory, marker) = (scene.directory.path(), file_name(b'c', &domain, LOCK));
    let destroyed = ours.destroy(domain, |_| {
        within(|| {
            let refused = ours.store(domain, &xl, b"late").err();
            let kind = refused.as_ref().map(userdata::UserdataError::kind);
            ensure!(
                matches!(kind, Some(UserdataErrorKind::BeingDestroyed)),
                "{kind:?}"
            );
            ensure!(
                libxl.call(&late)? == Returned::Code(0),
                "libxl respects our marker"
            );
            ensure!(
                libxl.call(&Call::Destroy { domid })? == Returned::Code(0),
                "not destroyed"
            );
            let names: Vec<_> = Tree::read(directory)?.0.into_keys().collect();
            ensure!(names == [marker], "libxl leaves {names:?}");
            host.destroy(domid)?;
            Ok(())
        })
    })?;
    ensure!(destroyed.problems.is_empty(), "{:?}", destroyed.problems);
    let left = scene.tree()?;
    ensure!(left == Tree::default(), "there is still {left:?}");
    Ok("libxl left our marker, we removed it".to_owned())
}

/// Converts a failure into an error that the facade takes.
fn within(work: impl FnOnce() -> Result<()>) -> Result<(), std::io::Error> {
    work().map_err(|error| std::io::Error::other(format!("{error:#}")))
}
