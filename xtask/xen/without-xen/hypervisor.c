/* The hypervisor and the xenstore that the real libxl believes to talk to.
 *
 * What libxl calls to keep userdata and to destroy a domain is defined here, in the program, and so
 * comes before libxenctrl and libxenstore. Whatever else libxl might call is theirs and gets a
 * handle that is none: it ends the program, which is seen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define __XEN_TOOLS__ 1
#include <xenctrl.h>
#include <xenstore.h>

#include "host.h"

#define DOMAINS_MAX 8192
#define DOMIDS 32768

struct domain {
    uint32_t domid;
    uint8_t handle[16];
    bool dead;
};

/* Shared, because libxl destroys a domain in a child. */
static struct table {
    unsigned count;
    struct domain domains[DOMAINS_MAX];
    /* Where the domain of a domid is among them, plus one. */
    unsigned at[DOMIDS];
} *table;

static struct table *known(void)
{
    if (!table) {
        void *memory = mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        table = memory == MAP_FAILED ? NULL : memory;
    }
    return table;
}

static bool read_domain(struct domain *domain)
{
    char line[128], life[8];
    unsigned h[16];

    if (!fgets(line, sizeof line, stdin))
        return false;
    if (sscanf(line, "%u %2x%2x%2x%2x-%2x%2x-%2x%2x-%2x%2x-%2x%2x%2x%2x%2x%2x %7s",
               &domain->domid, h, h + 1, h + 2, h + 3, h + 4, h + 5, h + 6, h + 7, h + 8, h + 9,
               h + 10, h + 11, h + 12, h + 13, h + 14, h + 15, life) != 18)
        return false;
    for (int i = 0; i < 16; i++)
        domain->handle[i] = (uint8_t)h[i];
    domain->dead = !strcmp(life, "dead");
    return true;
}

/* Notes where each domain is, so that a call that is timed does not look at all of them. */
static void note_places(struct table *t)
{
    memset(t->at, 0, sizeof t->at);
    for (unsigned i = t->count; i > 0; i--)
        if (t->domains[i - 1].domid < DOMIDS)
            t->at[t->domains[i - 1].domid] = i;
}

/* Where a search for this domid begins. */
static unsigned place_of(const struct table *t, uint32_t domid)
{
    return domid < DOMIDS && t->at[domid] ? t->at[domid] - 1 : 0;
}

bool host_read_domains(unsigned lines)
{
    struct table *t = known();
    bool good = true;

    if (!t || lines > DOMAINS_MAX)
        return false;
    t->count = 0;
    while (good && t->count < lines) {
        good = read_domain(&t->domains[t->count]);
        t->count += good;
    }
    note_places(t);
    return good;
}

bool host_has(uint32_t domid)
{
    struct table *t = known();

    for (unsigned i = 0; t && i < t->count; i++)
        if (t->domains[i].domid == domid && !t->domains[i].dead)
            return true;
    return false;
}

const uint8_t *host_handle(uint32_t domid)
{
    struct table *t = known();

    for (unsigned i = 0; t && i < t->count; i++)
        if (t->domains[i].domid == domid)
            return t->domains[i].handle;
    return NULL;
}

/* ---- libxenctrl ---- */

/* A page that is not the handle of anything. */
static char no_handle[4096];

xc_interface *xc_interface_open(xentoollog_logger *log, xentoollog_logger *dom, unsigned flags)
{
    (void)log, (void)dom, (void)flags;
    return (xc_interface *)no_handle;
}

int xc_interface_close(xc_interface *xch)
{
    (void)xch;
    return 0;
}

/* The domains from `first` on, in order. */
int xc_domain_getinfolist(xc_interface *xch, uint32_t first, unsigned max, xc_domaininfo_t *out)
{
    struct table *t = known();
    unsigned found = 0;

    (void)xch;
    for (unsigned i = t ? place_of(t, first) : 0; t && i < t->count && found < max; i++) {
        const struct domain *domain = &t->domains[i];

        if (domain->domid < first)
            continue;
        xc_domaininfo_t *info = &out[found++];
        memset(info, 0, sizeof *info);
        info->domain = (domid_t)domain->domid;
        memcpy(info->handle, domain->handle, sizeof info->handle);
        info->flags = domain->dead ? XEN_DOMINF_dying : XEN_DOMINF_paused;
        info->nr_online_vcpus = 1;
    }
    return (int)found;
}

int xc_flask_sid_to_context(xc_interface *xch, int sid, char *buf, uint32_t size)
{
    (void)xch, (void)sid, (void)buf, (void)size;
    errno = ENOSYS;
    return -1;
}

int xc_domain_pause(xc_interface *xch, uint32_t domid)
{
    (void)xch, (void)domid;
    return 0;
}

/* A dead domain stays for as long as its memory is referred to. */
int xc_domain_destroy(xc_interface *xch, uint32_t domid)
{
    struct table *t = known();

    (void)xch;
    for (unsigned i = 0; t && i < t->count; i++) {
        if (t->domains[i].domid != domid)
            continue;
        if (!t->domains[i].dead) {
            unsigned behind = t->count - i - 1;

            memmove(&t->domains[i], &t->domains[i + 1], behind * sizeof t->domains[0]);
            t->count--;
            note_places(t);
        }
        return 0;
    }
    errno = ESRCH;
    return -1;
}

/* ---- libxenstore: it is empty ---- */

struct xs_handle *xs_open(unsigned long flags)
{
    (void)flags;
    return (struct xs_handle *)no_handle;
}

void xs_close(struct xs_handle *xsh)
{
    (void)xsh;
}

void xs_daemon_destroy_postfork(struct xs_handle *xsh)
{
    (void)xsh;
}

void *xs_read(struct xs_handle *xsh, xs_transaction_t t, const char *path, unsigned *len)
{
    (void)xsh, (void)t, (void)path;
    if (len)
        *len = 0;
    errno = ENOENT;
    return NULL;
}

char **xs_directory(struct xs_handle *xsh, xs_transaction_t t, const char *path, unsigned *num)
{
    (void)xsh, (void)t, (void)path;
    if (num)
        *num = 0;
    errno = ENOENT;
    return NULL;
}

char *xs_get_domain_path(struct xs_handle *xsh, unsigned domid)
{
    char *path = NULL;

    (void)xsh;
    return asprintf(&path, "/local/domain/%u", domid) < 0 ? NULL : path;
}

bool xs_rm(struct xs_handle *xsh, xs_transaction_t t, const char *path)
{
    (void)xsh, (void)t, (void)path;
    return true;
}

xs_transaction_t xs_transaction_start(struct xs_handle *xsh)
{
    (void)xsh;
    return 1;
}

bool xs_transaction_end(struct xs_handle *xsh, xs_transaction_t t, bool abort)
{
    (void)xsh, (void)t, (void)abort;
    return true;
}
