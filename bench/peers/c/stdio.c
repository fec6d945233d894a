/* The algorithm of 2010: userdata as the changeset that introduced it describes it, with stdio and
 * without a lock. Written anew from the description. A store writes a new file whose name differs
 * in one letter and renames it over the old one; a destroy finds the files of the domain by
 * glob(3). The question to the hypervisor for the uuid is left out: it is in a table.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "peer.h"

#define DOMIDS 32768
#define UUID_LEN 36

static char uuids[DOMIDS][UUID_LEN + 1];

bool peer_open(void)
{
    return true;
}

bool peer_read_domains(unsigned lines)
{
    char line[128];
    unsigned domid;
    char uuid[UUID_LEN + 1];

    while (lines--) {
        if (!fgets(line, sizeof line, stdin) || sscanf(line, "%u %36s", &domid, uuid) != 2
            || domid >= DOMIDS)
            return false;
        strcpy(uuids[domid], uuid);
    }
    return true;
}

struct path {
    char text[512];
};

/* The directory is the working directory. An absolute path would make a glob longer. */
static struct path path_of(uint32_t domid, const char *userid, const char *kind)
{
    struct path path;

    snprintf(path.text, sizeof path.text, "userdata-%s.%u.%s.%s", kind, domid,
             domid < DOMIDS ? uuids[domid] : "", userid);
    return path;
}

const char *peer_store(uint32_t domid, const char *userid, const void *data, size_t length)
{
    struct path path = path_of(domid, userid, "d"), fresh = path_of(domid, userid, "n");
    int fd = open(fresh.text, O_RDWR | O_CREAT | O_TRUNC, 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "wb");

    if (!file)
        return "the new file";
    if (fwrite(data, 1, length, file) != length)
        return "a write";
    if (fclose(file))
        return "a close";
    return rename(fresh.text, path.text) ? "a rename" : NULL;
}

static const char *opened(uint32_t domid, const char *userid, FILE **file, size_t *length)
{
    struct path path = path_of(domid, userid, "d");
    struct stat about;

    *length = 0;
    *file = fopen(path.text, "rb");
    if (!*file)
        return errno == ENOENT ? NULL : "an open";
    if (fstat(fileno(*file), &about)) {
        fclose(*file);
        return "an fstat";
    }
    *length = (size_t)about.st_size;
    return NULL;
}

const char *peer_retrieve(uint32_t domid, const char *userid, void **data, size_t *length)
{
    FILE *file;
    const char *wrong = opened(domid, userid, &file, length);

    *data = NULL;
    if (wrong || !file)
        return wrong;
    *data = malloc(*length);
    if (!*data || fread(*data, 1, *length, file) != *length)
        wrong = "a read";
    fclose(file);
    return wrong;
}

const char *peer_size(uint32_t domid, const char *userid, size_t *length)
{
    FILE *file;
    const char *wrong = opened(domid, userid, &file, length);

    if (!wrong && file)
        fclose(file);
    return wrong;
}

const char *peer_remove(uint32_t domid, const char *userid)
{
    struct path path = path_of(domid, userid, "d");

    return unlink(path.text) && errno != ENOENT ? "an unlink" : NULL;
}

/* Calls `each` with the path of every file of the domain, and the userid in it. */
static const char *found(uint32_t domid, const char *kind,
                         const char *(*each)(const char *path, const char *userid), size_t *count)
{
    struct path pattern = path_of(domid, "*", kind);
    size_t before = strlen(pattern.text) - 1;
    const char *wrong = NULL;
    glob_t files;
    int failed = glob(pattern.text, GLOB_ERR | GLOB_NOSORT | GLOB_MARK, NULL, &files);

    *count = 0;
    if (failed == GLOB_NOMATCH)
        return NULL;
    if (failed)
        return "glob";
    *count = files.gl_pathc;
    for (size_t i = 0; i < files.gl_pathc && !wrong; i++)
        wrong = each(files.gl_pathv[i], files.gl_pathv[i] + before);
    globfree(&files);
    return wrong;
}

static const char *unlinked(const char *path, const char *userid)
{
    (void)userid;
    return unlink(path) ? "an unlink" : NULL;
}

const char *peer_clear(uint32_t domid)
{
    size_t count;

    return found(domid, "?", unlinked, &count);
}

static void (*shown)(const char *userid);

static const char *show(const char *path, const char *userid)
{
    (void)path;
    if (shown)
        shown(userid);
    return NULL;
}

const char *peer_list(uint32_t domid, void (*each)(const char *userid), size_t *count)
{
    shown = each;
    return found(domid, "d", show, count);
}
