/* Real libxl 4.17, on a machine without Xen: the programs in xtask/xen/without-xen stand in for the
 * hypervisor. It is linked to libxl's static archive, because the shared library does not export
 * libxl__userdata_destroyall.
 */
#define _GNU_SOURCE
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libxl.h>

#include "host.h"
#include "peer.h"

/* What libxl_internal.h of 4.17 declares. */
struct gc {
    int max;
    void **pointers;
    libxl_ctx *owner;
};
void *libxl__lock_domain_userdata(struct gc *, uint32_t domid);
void libxl__unlock_file(void *lock);
void libxl__userdata_destroyall(struct gc *, uint32_t domid);
const char *libxl__userdata_path(struct gc *, uint32_t domid, const char *userid, const char *kind);
void libxl__free_all(struct gc *);

static libxl_ctx *ctx;

bool peer_open(void)
{
    xentoollog_logger *log =
        (xentoollog_logger *)xtl_createlogger_stdiostream(stderr, XTL_CRITICAL, 0);

    host_tells_waits = false;
    return log && !libxl_ctx_alloc(&ctx, LIBXL_VERSION, 0, log);
}

bool peer_read_domains(unsigned lines)
{
    return host_read_domains(lines);
}

const char *peer_store(uint32_t domid, const char *userid, const void *data, size_t length)
{
    return libxl_userdata_store(ctx, domid, userid, data, (int)length) ? "a store" : NULL;
}

const char *peer_retrieve(uint32_t domid, const char *userid, void **data, size_t *length)
{
    uint8_t *bytes = NULL;
    int found = 0;
    int failed = libxl_userdata_retrieve(ctx, domid, userid, &bytes, &found);

    *data = bytes;
    *length = (size_t)found;
    return failed ? "a retrieve" : NULL;
}

const char *peer_size(uint32_t domid, const char *userid, size_t *length)
{
    int found = 0;
    int failed = libxl_userdata_retrieve(ctx, domid, userid, NULL, &found);

    *length = (size_t)found;
    return failed ? "a retrieve" : NULL;
}

/* libxl fails if there is no value. */
const char *peer_remove(uint32_t domid, const char *userid)
{
    (void)libxl_userdata_unlink(ctx, domid, userid);
    return NULL;
}

/* As in libxl_domain_destroy. */
const char *peer_clear(uint32_t domid)
{
    struct gc gc = { 0, NULL, ctx };
    void *lock = libxl__lock_domain_userdata(&gc, domid);

    if (!lock)
        return "libxl's lock";
    libxl__userdata_destroyall(&gc, domid);
    libxl__unlock_file(lock);
    libxl__free_all(&gc);
    return NULL;
}

/* libxl has no call that lists: this is its search in libxl__userdata_destroyall. */
const char *peer_list(uint32_t domid, void (*each)(const char *userid), size_t *count)
{
    struct gc gc = { 0, NULL, ctx };
    const char *pattern = libxl__userdata_path(&gc, domid, "*", "d");
    glob_t files;
    int failed = pattern ? glob(pattern, GLOB_ERR | GLOB_NOSORT | GLOB_MARK, NULL, &files) : -1;
    /* The stand-in for /var/lib/xen gives paths of the working directory. */
    const char *name = pattern ? strrchr(pattern, '/') : NULL;
    size_t before = strlen(name ? name + 1 : "*") - 1;

    *count = 0;
    libxl__free_all(&gc);
    if (failed == GLOB_NOMATCH)
        return NULL;
    if (failed)
        return "glob";
    *count = files.gl_pathc;
    for (size_t i = 0; each && i < files.gl_pathc; i++)
        each(files.gl_pathv[i] + before);
    globfree(&files);
    return NULL;
}
