/*
 * userdata.h - per-domain data for Xen toolstacks, in C.
 *
 * A value is kept per domain and userid, is replaced atomically, and is removed together with the
 * domain. On a Xen host the values are in libxl's files and under libxl's lock. Link with what
 * "pkg-config --libs userdata" prints, or with -luserdata.
 *
 * Conventions
 *   A call that can fail returns 0 or a negative enum userdata_error, and never a positive number.
 *   The log callback gets the reason as a sentence. errno is left as it was.
 *   A result is returned through a pointer whose name ends in _r. It is set on every return: to
 *   NULL or 0 if the call fails. The comment of a function names the function that frees it.
 *   A userid has 1 to 128 printable ASCII characters, without blanks and slashes. Userids that are
 *   listed may have other characters, because other programs store values as well.
 *   A domain is named by its domid. If uuid is not NULL, it points to the 16 bytes of the domain's
 *   handle, and the call is about exactly this incarnation. With uuid NULL it is about the domain
 *   that has the domid now. Xen reuses domids, so pass the uuid where it is known.
 *   Several threads may use a context at once, and a forked child may go on using it. Only
 *   userdata_ctx_free must be the last call. No call is async-signal-safe.
 *   The library prints nothing, reads no environment variable, starts no thread, installs no signal
 *   handler and no atfork handler, and never ends the process.
 *   No call locks and none unlocks: a program that reads a value and stores another one in its
 *   place passes the digest of the first to userdata_store_if.
 */
#ifndef USERDATA_H
#define USERDATA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) && !defined(USERDATA_NO_MUST_CHECK)
#define USERDATA_MUST_CHECK __attribute__((__warn_unused_result__))
#else
#define USERDATA_MUST_CHECK
#endif

/* The interface that this header describes. A macro USERDATA_HAVE_... will mark what is added after
 * 0.1. */
#define USERDATA_API_VERSION 1u

typedef struct userdata_ctx userdata_ctx;
typedef struct userdata_list userdata_list;
typedef struct userdata_closing userdata_closing;
typedef struct userdata_sightings userdata_sightings;

/* The numbers are the exit statuses of userdata(1), negated. From -13 on they are of C alone.
 * Unless an entry says otherwise, nothing was changed. */
enum userdata_error {
    USERDATA_OK = 0,
    USERDATA_ERROR_FAIL = -1,            /* another failure; the log says if a change is made */
    USERDATA_ERROR_INVAL = -2,           /* a wrong argument, a refused userid, a freed context */
    USERDATA_ERROR_NO_DOMAIN = -3,       /* no such domain, or it is dead, or another incarnation */
    USERDATA_ERROR_NO_DATA = -4,         /* returned by userdata_list_find alone */
    USERDATA_ERROR_DAMAGED = -5,         /* empty, not a regular file, or a damaged archive */
    USERDATA_ERROR_PRECONDITION = -6,    /* the value that is there is not the expected one */
    USERDATA_ERROR_DEADLINE = -7,        /* another process kept the lock, or Xen did not answer */
    USERDATA_ERROR_LIMIT = -8,           /* a value is too long, or an archive has too much */
    USERDATA_ERROR_PERMISSION = -9,      /* a right is missing, or the file system is read-only */
    USERDATA_ERROR_DESTROYING = -10,     /* the domain is being destroyed */
    USERDATA_ERROR_OUTCOME_UNKNOWN = -11,/* a pool: it is not known whether the change was made */
    USERDATA_ERROR_ELSEWHERE = -12,      /* a pool: the domain lives on another host */
    USERDATA_ERROR_UNAVAILABLE = -13,    /* no Xen, no xenstore, or an unknown release of Xen */
    USERDATA_ERROR_NO_SPACE = -14,       /* no space or no inodes left */
    USERDATA_ERROR_LOCK_LOST = -15,      /* another program broke the lock; see FAIL */
    USERDATA_ERROR_NOT_DURABLE = -16,    /* changed, but a power cut may undo the change */
    USERDATA_ERROR_NO_MEMORY = -17,
    USERDATA_ERROR_VERSION = -18,        /* the header and the library do not fit together */
    USERDATA_ERROR_CALLBACK = -19,       /* the caller's own callback failed */
    USERDATA_ERROR_INTERNAL = -20        /* a bug of the library; the log has its place */
};

/* What a change must survive. 0 is USERDATA_FULL. PROCESS: the end of the process, but not a
 * power cut. FILE: after a power cut there is the whole old value or the whole new one. FULL:
 * after a power cut there is the new value. */
enum userdata_durability { USERDATA_FULL = 0, USERDATA_PROCESS = 1, USERDATA_FILE = 2 };

enum userdata_level { USERDATA_LOG_ERROR = 1, USERDATA_LOG_WARNING = 2 };

/* Receives one line without a newline, which is valid during the call and never has a value in
 * it. It is called on the calling thread, while the library holds no lock. It must return:
 * neither longjmp nor a C++ exception may leave it. */
typedef void userdata_log_fn(void *user, int level, const char *line);

/* Set size, or begin with USERDATA_OPTIONS_INIT. 0 and NULL in every other member is the default. A
 * library that is newer than the program takes the members that the program lacks as 0. An older
 * library refuses members that it does not know with USERDATA_ERROR_VERSION, unless they are 0. */
typedef struct userdata_options {
    size_t size;                 /* sizeof(userdata_options) */
    const char *hypervisor;      /* "xen", "auto" (the same) or "sim:FILE"; NULL: "xen" */
    const char *directory;       /* NULL: /var/lib/xen; of a simulated host: FILE.userdata */
    userdata_log_fn *log;        /* NULL: no log */
    void *log_user;              /* passed to log */
    uint32_t deadline_ms;        /* how long a call waits for other processes; 0: 10 000 */
    uint32_t durability;         /* enum userdata_durability */
    uint64_t value_max;          /* the size of the largest value in bytes; 0: 1 MiB */
    uint64_t flags;              /* USERDATA_NO_LEAVING_CHECK, or 0 */
} userdata_options;
#define USERDATA_OPTIONS_INIT { sizeof(userdata_options), 0, 0, 0, 0, 0, 0, 0, 0 }
/* Stores without asking xenstore whether the toolstack has begun to destroy the domain. */
#define USERDATA_NO_LEAVING_CHECK 1u

/* Opens the userdata of the host. api is USERDATA_API_VERSION; options may be NULL. The result is
 * freed by userdata_ctx_free. */
int userdata_ctx_alloc(userdata_ctx **ctx_r, uint32_t api, const userdata_options *options)
    USERDATA_MUST_CHECK;
void userdata_ctx_free(userdata_ctx *ctx); /* NULL is allowed */

/* Replaces the value, or creates it. len 0 removes it, and data may then be NULL.
 * Replaces libxl_userdata_store. */
int userdata_store(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid, const char *userid,
                   const void *data, size_t len) USERDATA_MUST_CHECK;

/* The SHA-256 of a value, which userdata_store_if compares. data may be NULL if len is 0. */
typedef struct userdata_digest { uint8_t bytes[32]; } userdata_digest;
void userdata_digest_of(const void *data, size_t len, userdata_digest *digest_r);

/* The same as userdata_store, but only if the value that is there has the digest *expect. With
 * expect NULL, only if the value is absent. Otherwise USERDATA_ERROR_PRECONDITION. */
int userdata_store_if(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid, const char *userid,
                      const void *data, size_t len, const userdata_digest *expect)
    USERDATA_MUST_CHECK;

/* The value as it was stored, and behind it a NUL that len does not count; NULL and 0 if there is
 * none. The result is freed by userdata_free. With data_r NULL only the size is found out, and
 * nothing is read. Takes no lock. With a uuid the hypervisor is not asked, so that the value of an
 * incarnation that is gone can be read. Replaces libxl_userdata_retrieve. */
int userdata_retrieve(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid, const char *userid,
                      void **data_r, size_t *len_r) USERDATA_MUST_CHECK;
void userdata_free(void *data); /* NULL is allowed */

/* Removes the value; it succeeds if there is none. Replaces libxl_userdata_unlink. */
int userdata_remove(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid, const char *userid)
    USERDATA_MUST_CHECK;

/* Every value of a domain, in order of userid. With a uuid the hypervisor is not asked. The
 * result is freed by userdata_list_free. */
int userdata_list_get(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid,
                      userdata_list **list_r) USERDATA_MUST_CHECK;
size_t userdata_list_count(const userdata_list *list);
const char *userdata_list_userid(const userdata_list *list, size_t index); /* NULL beyond the end */
uint64_t userdata_list_size(const userdata_list *list, size_t index);
/* 0 if the value can be read, else USERDATA_ERROR_DAMAGED; USERDATA_ERROR_INVAL beyond the end. */
int userdata_list_condition(const userdata_list *list, size_t index);
/* The index of a userid, or USERDATA_ERROR_NO_DATA. */
int userdata_list_find(const userdata_list *list, const char *userid, size_t *index_r)
    USERDATA_MUST_CHECK;
void userdata_list_free(userdata_list *list); /* NULL is allowed */

/* Removes all data of a domain. A domain that exists keeps libxl-json, unless flags is
 * USERDATA_CLEAR_ALL. With a uuid it may be a domain that is gone, of which nothing stays. If some
 * files were removed and one was not, the error is that of the latter. */
#define USERDATA_CLEAR_ALL 1u
int userdata_clear(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid, uint32_t flags)
    USERDATA_MUST_CHECK;

/* Destroys a domain with its data. destroy is the caller's function, which destroys the domain;
 * while it runs, stores for the domain are refused. It returns 0 if it has destroyed the domain.
 * What it returns goes to *rc_r, which may be NULL. Afterwards the hypervisor is asked: the data
 * is removed if the domain is gone, and stays if the domain lives or the hypervisor does not
 * answer. USERDATA_ERROR_CALLBACK: destroy failed, or the domain lives although destroy returned
 * 0. */
typedef int userdata_destroy_fn(void *user, uint32_t domid, const uint8_t *uuid);
int userdata_destroy(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid,
                     userdata_destroy_fn *destroy, void *user, int *rc_r) USERDATA_MUST_CHECK;

/* The same in two steps, for toolstacks that destroy domains asynchronously. From begin to end
 * stores for the domain are refused. end frees closing, whatever it returns. destroyed is not 0
 * if the caller has destroyed the domain; the hypervisor's answer decides what becomes of the
 * data. */
int userdata_closing_begin(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid,
                           userdata_closing **closing_r) USERDATA_MUST_CHECK;
int userdata_closing_end(userdata_closing *closing, int destroyed) USERDATA_MUST_CHECK;

/* What a sweep tells of a domain's data. */
enum userdata_swept_what {
    USERDATA_SWEPT_JUDGED = 1,   /* the domain is judged, and what goes of it is told */
    USERDATA_SWEPT_REMOVED = 2,  /* a file was removed */
    USERDATA_SWEPT_FAILED = 3,   /* a file could not be removed */
    USERDATA_SWEPT_WOULD_GO = 4, /* USERDATA_SWEEP_DRY_RUN: a file would be removed */
    USERDATA_SWEPT_STAYS = 5     /* USERDATA_SWEEP_EXPLAIN: a file stays */
};

/* The library sets size. A newer library may add members behind the last one. */
typedef struct userdata_swept {
    size_t size;                 /* sizeof(userdata_swept) of the library */
    uint32_t domid;
    int what;                    /* enum userdata_swept_what */
    uint8_t uuid[16];
    const char *verdict;         /* one word, such as "absent" or "alive" */
    const char *userid;          /* NULL if the line is about no file in particular */
    const char *line;            /* all of it as a sentence, without a newline */
} userdata_swept;

/* Everything that it gets is valid during the call. It must return, and must not use the
 * context. */
typedef void userdata_sweep_fn(void *user, const userdata_swept *swept);

#define USERDATA_SWEEP_DRY_RUN 1u /* removes nothing, and tells what would be removed */
#define USERDATA_SWEEP_EXPLAIN 2u /* also tells of each file that stays */

/* As userdata_options: size is set by the caller, and 0 and NULL are the defaults. */
typedef struct userdata_sweep_options {
    size_t size;                 /* sizeof(userdata_sweep_options) */
    uint64_t grace_ms;           /* how long another uuid must have been seen; 0: one hour */
    uint64_t settle_ms;          /* how long a domain must have been seen gone; 0: not at all */
    uint64_t flags;              /* USERDATA_SWEEP_..., or 0 */
    userdata_sightings *sightings; /* what earlier sweeps have seen; NULL: nothing */
    userdata_sweep_fn *each;     /* NULL: nothing is told */
    void *each_user;             /* passed to each */
} userdata_sweep_options;
#define USERDATA_SWEEP_OPTIONS_INIT { sizeof(userdata_sweep_options), 0, 0, 0, 0, 0, 0 }

/* What a sweep did, in numbers. The caller sets size. */
typedef struct userdata_sweep_totals {
    size_t size;                 /* sizeof(userdata_sweep_totals) */
    uint64_t domains;            /* incarnations that had files */
    uint64_t records;            /* the files that they had */
    uint64_t orphans;            /* incarnations that do not exist */
    uint64_t removed;            /* files removed; in a dry run, files that would be */
    uint64_t failed;             /* files that could not be removed */
    uint64_t reclaimed;          /* files removed that no domain can reach */
} userdata_sweep_totals;
#define USERDATA_SWEEP_TOTALS_INIT { sizeof(userdata_sweep_totals), 0, 0, 0, 0, 0, 0 }

/* Removes the data of every domain that does not exist. options and totals_r may be NULL. What
 * was removed before an error stays removed, and is in the totals. USERDATA_ERROR_FAIL also if
 * the sweep went to its end, but could not remove a file. */
int userdata_sweep(userdata_ctx *ctx, const userdata_sweep_options *options,
                   userdata_sweep_totals *totals_r) USERDATA_MUST_CHECK;

/* What sweeps have seen, carried from one sweep to the next by a program that sweeps more than
 * once. Only one sweep at a time may use it. Freed by userdata_sightings_free. */
int userdata_sightings_alloc(userdata_sightings **sightings_r) USERDATA_MUST_CHECK;
void userdata_sightings_free(userdata_sightings *sightings); /* NULL is allowed */

/* Writes the values of a domain, all of one instant, as an archive: the one of "userdata
 * export". Without USERDATA_EXPORT_ALL the values that their owners write again for the new
 * domain are left out: libxl-json, libvirt-xml and xl. fd is left open and is not synced. With a
 * uuid the hypervisor is not asked. */
#define USERDATA_EXPORT_ALL 1u
int userdata_export(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid, int fd, uint32_t flags)
    USERDATA_MUST_CHECK;

/* Reads an archive from fd to its end, verifies it, and stores its values, all or none. A value
 * that is there with other bytes is USERDATA_ERROR_PRECONDITION, unless USERDATA_IMPORT_REPLACE
 * says that it is replaced, or USERDATA_IMPORT_KEEP that it stays. USERDATA_IMPORT_ALL: also
 * what USERDATA_EXPORT_ALL adds. fd is left open. */
#define USERDATA_IMPORT_REPLACE 1u
#define USERDATA_IMPORT_KEEP 2u
#define USERDATA_IMPORT_ALL 4u
int userdata_import(userdata_ctx *ctx, uint32_t domid, const uint8_t *uuid, int fd, uint32_t flags)
    USERDATA_MUST_CHECK;

const char *userdata_version(void);        /* "0.1.0", of the library that runs */
const char *userdata_strerror(int code);   /* never NULL */

#ifdef __cplusplus
}
#endif

#endif
