//! The help of the commands of a pool.

pub(crate) const POOL: &str = "\
FILE of --pool is TOML. It has endpoints, the list of the members' URLs, and host, the name of this
host; it may have prefix, ca, cert, key, user, password-file, max-ops and max-bytes. Paths are
relative to its folder. Key and password must not be readable by others.

Data has one home, the host that stores it. 'pool status' shows it with its stage:

  settled   the domain lives there
  moving    a move to another host has begun; the home alone stores until the move is claimed
  released  the domain is gone from there, and the destination may claim the data
  freed     the host whose data it is was forgotten: adopt or discard the data

A host that 'move', 'forget' or 'status --host' names and that the pool does not know, and a FILE in
which something is wrong, are wrong usage (status 2). 'join', 'leave' and 'forget' that end with
status 11 are run again.

Examples:
  userdata pool join
  userdata pool move web --to b -- \\
    sh -c 'xl migrate web b && ssh b userdata pool claim --wait 60 web'
  userdata pool move web --to a -- xl reboot -ww web; userdata pool claim --wait 60 web
  userdata pool forget b --it-is-dead";

pub(super) const FILE: &str = "\
With --pool FILE or USERDATA_POOL the values are those of a pool of hosts, which an etcd cluster
keeps. The userids xl, libvirt-xml and libxl-json and the data of Domain-0 stay in each host's files
and are refused. A change whose outcome is not known ends with status 11 and names its attempt;
'userdata pool settle' tells the outcome later. docs/pool.md in the source describes how a pool is
set up.";
