//! The parts of the help about data that follows its domain.

pub(crate) const EXPORT: &str = "\
The archive is a tar with userdata.json, which lists the values, and a file for each value below
values/. The same values give the same bytes. The archive is written after all values were read, so
no other process waits for the lock meanwhile.

With --json, which needs -o, the document lists the contents of the archive.

Examples:
  userdata export web -o web.userdata
  userdata export web --with xl | tar -t
  userdata export 7.dd0432cd-1e00-4034-a9f8-262cf3743e99 -o old.userdata
  userdata export web | ssh other userdata import --wait 60 web";

pub(crate) const IMPORT: &str = "\
If a value cannot be stored, none is changed. A value that the domain has already with the same
bytes stays as it is. If the command is killed, it may have stored some of the values, each of them
whole; the same command completes the import. A process that reads during an import, without the
lock, may also find some of the values only.

With --wait, a domain that is leaving, dying or marked by 'userdata destroy' counts as absent. If
no other domain is there when the time is over, the exit status is that of a domain that is absent
or being destroyed.

Examples:
  userdata import web web.userdata
  userdata import --wait 60 web <web.userdata
  userdata import web web.userdata --only backup-agent --replace";

pub(crate) const CARRY: &str = "\
This is for toolstacks that create the new domain before they destroy the old one, and for a domain
whose uuid was changed. If the command is killed, the same command completes the carry.

A value that is stored for OLD after the carry stays there. To prevent that, carry while OLD is
being destroyed, because every store for it is refused then: see the last example.

Examples:
  userdata carry 7.dd0432cd-1e00-4034-a9f8-262cf3743e99 8
  userdata carry web web-new --not backup-agent
  userdata destroy web -- sh -c 'userdata carry web web-new && xl destroy web'";

/// How data follows a domain, as a section of the manual page: its paragraphs and their examples.
pub(crate) const FOLLOWING: &[(&str, &str)] = &[
    (
        "A domain that is rebooted, restored or migrated is another one afterwards. xl destroys \
         the old one, with its values, before the new one exists. 'destroy --export' therefore \
         refuses all stores, writes the values to an archive, and runs COMMAND only when the \
         archive is complete and synced. If the domain lives afterwards, the archive is removed. \
         If the domain is gone, the archive stays, whatever COMMAND returned; it also stays if the \
         hypervisor does not answer. Values that their owners write again stay behind: libxl-json, \
         libvirt-xml and xl.",
        "",
    ),
    (
        "Reboot, with Xen 4.14 or later:",
        "userdata destroy web --export web.userdata -- xl reboot -ww web
userdata import --wait 60 web web.userdata",
    ),
    (
        "Save and restore:",
        "userdata destroy web --export web.userdata -- xl save web web.save
xl restore -p web.save
userdata import web web.userdata
xl unpause web",
    ),
    (
        "Migration, from this host to another one:",
        "userdata destroy web --export web.userdata -- xl migrate web other
ssh other userdata import --wait 60 web <web.userdata",
    ),
    (
        "The values of a domain that begins a reboot by itself are lost, since xl destroys it \
         without asking any other program; so are those of a soft reset. A process that reads \
         without the lock may see a part of an import. Do not keep an archive in the folder in \
         which xendomains saves domains: a file web.tar there keeps web from being started.",
        "",
    ),
];
