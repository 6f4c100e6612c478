//! The C library's user and group databases, and signals: the one file of this crate with `unsafe`.
//!
//! What: getpwnam_r and its relatives, each with a buffer that grows up to a bound, each answer
//! copied into owned values before anything else happens. Why: nothing but the C library knows
//! nsswitch.conf. What must never happen: that a pointer into a buffer leaves this file, that a
//! failing database reads as "no such name" here (what it does itself is for accounts.rs to find
//! out), that a number of entries is trusted before it is bounded.

#![allow(unsafe_code, reason = "the C library's databases have no safe interface; each block states why it is sound")]

use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr::{NonNull, null_mut};

use libc::{ENOENT, ENOMEM, ERANGE, gid_t, group, passwd, size_t, uid_t};

/// The first buffer; an ordinary entry has some hundred bytes.
const FIRST_BUFFER: usize = 4 * 1024;
/// The largest: a group of several hundred thousand members.
const LARGEST_BUFFER: usize = 8 * 1024 * 1024;
/// NGROUPS_MAX of Linux: more groups no process can have.
const MOST_GROUPS: usize = 65_536;
/// More users or groups than this in one pass are a database that never ends.
const MOST_ENTRIES: usize = 10_000_000;

/// What the system calls a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct UserEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) uid: uid_t,
    pub(crate) gid: gid_t,
}

/// What the system calls a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupEntry {
    pub(crate) name: Vec<u8>,
    pub(crate) gid: gid_t,
    pub(crate) members: Vec<Vec<u8>>,
}

/// Receives a signal and does nothing: programs started later have it as before, as exec resets what is caught.
extern "C" fn received(_signal: c_int) {}

/// A signal no longer ends this process. One that was ignored already, as under nohup, stays ignored.
pub(crate) fn outlive_signal(signal: c_int) {
    // SAFETY: the handler does nothing, so it may run at any moment; it lives as long as the program.
    let before = unsafe { libc::signal(signal, received as extern "C" fn(c_int) as libc::sighandler_t) };
    if before == libc::SIG_IGN {
        // SAFETY: no handler is installed.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Brings the loopback interface of this network namespace up (netdevice(7)); an error is the errno.
pub(crate) fn raise_loopback() -> Result<(), c_int> {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    let errno = || std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    // SAFETY: makes a socket; no memory is handed over.
    let number = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    if number < 0 {
        return Err(errno());
    }
    // SAFETY: the descriptor was just made, and is nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(number) };
    let flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).map_err(|_| libc::EINVAL)?;
    let mut request =
        libc::ifreq { ifr_name: [0; libc::IFNAMSIZ], ifr_ifru: libc::__c_anonymous_ifr_ifru { ifru_flags: flags } };
    for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes()) {
        *to = from.cast_signed();
    }
    // SAFETY: the request is a whole ifreq, valid for reads and writes during the call, and names "lo" with its NUL.
    let code = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) };
    if code < 0 { Err(errno()) } else { Ok(()) }
}

/// The user of that name; an error is the errno.
pub(crate) fn user_by_name(name: &CStr) -> Result<Option<UserEntry>, c_int> {
    entry(copy_user, |record, buffer, size, found| {
        // SAFETY: name ends in NUL; the three pointers are valid for writes for the whole call, as
        // `entry` promises, and `size` is the size of the buffer.
        unsafe { libc::getpwnam_r(name.as_ptr(), record, buffer, size, found) }
    })
}

/// The group of that name; an error is the errno.
pub(crate) fn group_by_name(name: &CStr) -> Result<Option<GroupEntry>, c_int> {
    entry(copy_group, |record, buffer, size, found| {
        // SAFETY: as in user_by_name.
        unsafe { libc::getgrnam_r(name.as_ptr(), record, buffer, size, found) }
    })
}

/// The group of that number; an error is the errno.
pub(crate) fn group_by_gid(gid: gid_t) -> Result<Option<GroupEntry>, c_int> {
    entry(copy_group, |record, buffer, size, found| {
        // SAFETY: as in user_by_name.
        unsafe { libc::getgrgid_r(gid, record, buffer, size, found) }
    })
}

/// The numbers of all groups of a user, `gid` among them. The C library hides every fault of a
/// database here: fewer groups is all that one sees.
pub(crate) fn group_list(name: &CStr, gid: gid_t) -> Result<Vec<gid_t>, c_int> {
    let mut room: usize = 64;
    loop {
        let mut groups: Vec<gid_t> = Vec::new();
        groups.try_reserve_exact(room).map_err(|_| ENOMEM)?;
        groups.resize(room, 0);
        let mut count = c_int::try_from(room).map_err(|_| ERANGE)?;
        // SAFETY: name ends in NUL; groups has `count` elements that may be written, and count
        // itself may be.
        let code = unsafe { libc::getgrouplist(name.as_ptr(), gid, groups.as_mut_ptr(), &raw mut count) };
        let count = usize::try_from(count).map_err(|_| ERANGE)?;
        if code >= 0 && count <= room {
            groups.truncate(count);
            return Ok(groups);
        }
        if room >= MOST_GROUPS {
            return Err(ERANGE);
        }
        room = count.max(room.saturating_mul(2)).min(MOST_GROUPS);
    }
}

/// All users, in one pass. The cursor belongs to the process: for commands, never for a module in
/// somebody else's process.
pub(crate) fn all_users() -> Result<Vec<UserEntry>, c_int> {
    // SAFETY: rewinds the process's own cursor; no thread of ours uses it.
    unsafe { libc::setpwent() };
    let all = every(|| {
        entry(copy_user, |record, buffer, size, found| {
            // SAFETY: as in user_by_name.
            unsafe { libc::getpwent_r(record, buffer, size, found) }
        })
    });
    // SAFETY: closes the process's own cursor.
    unsafe { libc::endpwent() };
    all
}

/// All groups, in one pass; see [`all_users`].
pub(crate) fn all_groups() -> Result<Vec<GroupEntry>, c_int> {
    // SAFETY: rewinds the process's own cursor; no thread of ours uses it.
    unsafe { libc::setgrent() };
    let all = every(|| {
        entry(copy_group, |record, buffer, size, found| {
            // SAFETY: as in user_by_name.
            unsafe { libc::getgrent_r(record, buffer, size, found) }
        })
    });
    // SAFETY: closes the process's own cursor.
    unsafe { libc::endgrent() };
    all
}

/// Collects until the database says that there is no more, which getpwent_r calls ENOENT.
fn every<T>(mut next: impl FnMut() -> Result<Option<T>, c_int>) -> Result<Vec<T>, c_int> {
    let mut all = Vec::new();
    loop {
        match next() {
            Ok(Some(one)) if all.len() < MOST_ENTRIES => all.push(one),
            Ok(Some(_)) => return Err(ERANGE),
            Ok(None) | Err(ENOENT) => return Ok(all),
            Err(errno) => return Err(errno),
        }
    }
}

/// Asks once, and again with a larger buffer while the answer is ERANGE.
///
/// `ask` gets a record, a buffer with its size, and the place of the result pointer; all valid for
/// writes while it runs. `copy` gets the record that was found while the buffer still stands.
fn entry<Record, Entry>(
    copy: impl Fn(&Record) -> Entry,
    mut ask: impl FnMut(*mut Record, *mut c_char, size_t, *mut *mut Record) -> c_int,
) -> Result<Option<Entry>, c_int> {
    let mut size = FIRST_BUFFER;
    loop {
        let mut buffer: Vec<c_char> = Vec::new();
        buffer.try_reserve_exact(size).map_err(|_| ENOMEM)?;
        buffer.resize(size, 0);
        let mut record = MaybeUninit::<Record>::uninit();
        let mut found: *mut Record = null_mut();
        let code = ask(record.as_mut_ptr(), buffer.as_mut_ptr(), size, &raw mut found);
        match (code, NonNull::new(found)) {
            // SAFETY: success with a result: `found` is the record that the C library filled in,
            // its strings lie in `buffer`, and both live until the end of this block.
            (0, Some(found)) => return Ok(Some(copy(unsafe { found.as_ref() }))),
            (0, None) => return Ok(None),
            (ERANGE, _) if size < LARGEST_BUFFER => size = size.saturating_mul(4).min(LARGEST_BUFFER),
            (errno, _) => return Err(errno),
        }
    }
}

fn copy_user(record: &passwd) -> UserEntry {
    UserEntry {
        // SAFETY: the record is one that the C library filled in; see `entry`.
        name: unsafe { copy_text(record.pw_name) },
        uid: record.pw_uid,
        gid: record.pw_gid,
    }
}

fn copy_group(record: &group) -> GroupEntry {
    GroupEntry {
        // SAFETY: as in copy_user.
        name: unsafe { copy_text(record.gr_name) },
        gid: record.gr_gid,
        // SAFETY: as in copy_user.
        members: unsafe { copy_texts(record.gr_mem) },
    }
}

/// Copies a C string; a null pointer is an empty one.
///
/// # Safety
/// `text` is null, or points to bytes that end in NUL.
unsafe fn copy_text(text: *const c_char) -> Vec<u8> {
    if text.is_null() {
        return Vec::new();
    }
    // SAFETY: not null, so it ends in NUL, says the caller.
    unsafe { CStr::from_ptr(text) }.to_bytes().to_vec()
}

/// Copies an array of C strings that ends in a null pointer; a null array is an empty one.
///
/// # Safety
/// `array` is null, or points to pointers to C strings, the last one null.
unsafe fn copy_texts(array: *const *mut c_char) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    let mut at = array;
    while !at.is_null() {
        // SAFETY: not past the null pointer that ends the array, says the caller.
        let text = unsafe { at.read() };
        if text.is_null() {
            break;
        }
        // SAFETY: an element of the array, so a C string, says the caller.
        texts.push(unsafe { copy_text(text) });
        // SAFETY: this element was not the last, so there is a next.
        at = unsafe { at.add(1) };
    }
    texts
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "sizes of a few bytes, in tests")]
mod tests {
    use super::*;

    /// A database of one group, as the C library writes it: strings in the buffer.
    fn fake(members: &[&str], record: *mut group, buffer: *mut c_char, size: usize, found: *mut *mut group) -> c_int {
        let pointers = (members.len() + 1) * size_of::<*mut c_char>();
        let texts: usize = members.iter().map(|member| member.len() + 1).sum();
        let start = buffer.align_offset(align_of::<*mut c_char>());
        if start + pointers + texts > size {
            return ERANGE;
        }
        // SAFETY: the size was checked, and the start is aligned for pointers.
        let array = unsafe { buffer.add(start) }.cast::<*mut c_char>();
        let mut at = start + pointers;
        for (index, member) in members.iter().enumerate() {
            // SAFETY: as above.
            let text = unsafe { buffer.add(at) };
            for (offset, byte) in member.bytes().chain([0]).enumerate() {
                // SAFETY: as above.
                let place = unsafe { text.add(offset) };
                // SAFETY: as above.
                unsafe { place.write(byte.cast_signed()) };
            }
            // SAFETY: as above.
            let place = unsafe { array.add(index) };
            // SAFETY: as above.
            unsafe { place.write(text) };
            at += member.len() + 1;
        }
        // SAFETY: as above.
        let end = unsafe { array.add(members.len()) };
        // SAFETY: as above.
        unsafe { end.write(null_mut()) };
        let filled = group {
            gr_name: if members.is_empty() {
                null_mut()
            } else {
                // SAFETY: the first element was written above.
                unsafe { array.read() }
            },
            gr_passwd: null_mut(),
            gr_gid: 7,
            gr_mem: array,
        };
        // SAFETY: record is valid for writes, says `entry`.
        unsafe { record.write(filled) };
        // SAFETY: as above.
        unsafe { found.write(record) };
        0
    }

    fn ask(members: &[&str]) -> Result<Option<GroupEntry>, c_int> {
        entry(copy_group, |record, buffer, size, found| fake(members, record, buffer, size, found))
    }

    #[test]
    fn miri_entries_are_copied() {
        let group = ask(&["anna", "", "cora"]).unwrap().unwrap();
        assert_eq!(group.name, b"anna");
        assert_eq!(group.gid, 7);
        assert_eq!(group.members, [&b"anna"[..], b"", b"cora"]);
        let group = ask(&[]).unwrap().unwrap();
        assert!(group.name.is_empty() && group.members.is_empty());
    }

    #[test]
    fn miri_buffers_grow() {
        let long = "m".repeat(FIRST_BUFFER * 3);
        let group = ask(&["anna", &long]).unwrap().unwrap();
        assert_eq!(group.members[1].len(), long.len());
    }

    #[test]
    fn buffers_grow_up_to_a_bound() {
        let mut sizes = Vec::new();
        let result = entry(copy_group, |_, _, size, _| {
            sizes.push(size);
            ERANGE
        });
        assert_eq!(result, Err(ERANGE));
        assert!(sizes.len() < 10 && sizes.last() == Some(&LARGEST_BUFFER));
    }

    #[test]
    fn miri_answers_without_an_entry() {
        let answer = |code| entry(copy_user, |_, _, _, _| code);
        assert_eq!(answer(0), Ok(None));
        assert_eq!(answer(libc::EIO), Err(libc::EIO));
        // An error counts, even if a result was set as well.
        let both = entry(copy_group, |record, buffer, size, found| {
            fake(&[], record, buffer, size, found);
            libc::EIO
        });
        assert_eq!(both, Err(libc::EIO));
    }

    #[test]
    fn miri_null_is_empty() {
        // SAFETY: null is allowed.
        assert!(unsafe { copy_text(null_mut()) }.is_empty());
        // SAFETY: null is allowed.
        assert!(unsafe { copy_texts(null_mut()) }.is_empty());
    }

    #[test]
    fn miri_a_pass_ends() {
        let mut answers = [Ok(Some(1)), Ok(Some(2)), Err(ENOENT)].into_iter();
        assert_eq!(every(|| answers.next().unwrap()), Ok(vec![1, 2]));
        let mut answers = [Ok(Some(1)), Err(libc::EMFILE)].into_iter();
        assert_eq!(every(|| answers.next().unwrap()), Err(libc::EMFILE));
    }
}
