/* Domains as a toolstack other than libxl makes them: known to the hypervisor, with a name and the
 * node `vm` in xenstore, without memory and without a record of libxl's. Many of them take no time.
 *
 * usage: bare-domains create COUNT       prints DOMID.UUID of each
 *        bare-domains destroy DOMID...
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xenctrl.h>
#include <xenstore.h>

static int written(struct xs_handle *xs, uint32_t domid, const char *node, const char *value)
{
    char path[64];

    snprintf(path, sizeof path, "/local/domain/%u/%s", domid, node);
    return xs_write(xs, XBT_NULL, path, value, (unsigned int)strlen(value));
}

static int create(xc_interface *xc, struct xs_handle *xs, unsigned int number)
{
    struct xen_domctl_createdomain config = {
        .handle = {0xba, 0x4e, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, number >> 8, number},
        .max_vcpus = 1,
        .max_evtchn_port = -1,
        .max_grant_frames = 32,
        .max_maptrack_frames = 32,
#ifdef XEN_DOMCTL_GRANT_version
        .grant_opts = XEN_DOMCTL_GRANT_version(1),
#endif
    };
    uint32_t domid = 0;
    char uuid[64], name[32], vm[128];

    if (xc_domain_create(xc, &domid, &config)) {
        perror("xc_domain_create");
        return 1;
    }
    snprintf(uuid, sizeof uuid, "ba4e0000-0000-4000-8000-00000000%04x", number & 0xffff);
    snprintf(name, sizeof name, "bare%u", number);
    snprintf(vm, sizeof vm, "/vm/%s", uuid);
    if (!written(xs, domid, "name", name) || !written(xs, domid, "vm", vm)) {
        perror("xs_write");
        return 1;
    }
    printf("%u.%s\n", domid, uuid);
    return 0;
}

static int destroy(xc_interface *xc, struct xs_handle *xs, const char *domid)
{
    char path[64];

    snprintf(path, sizeof path, "/local/domain/%s", domid);
    xs_rm(xs, XBT_NULL, path);
    if (xc_domain_destroy(xc, (uint32_t)strtoul(domid, NULL, 10))) {
        perror("xc_domain_destroy");
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    struct xs_handle *xs = xs_open(0);
    int failed = 0;

    if (!xc || !xs) {
        perror("bare-domains");
        return 1;
    }
    if (!strcmp(argv[1], "create")) {
        unsigned int count = (unsigned int)strtoul(argv[2], NULL, 10);
        for (unsigned int number = 1; number <= count && !failed; number++)
            failed = create(xc, xs, number);
    } else {
        for (int each = 2; each < argc; each++)
            failed |= destroy(xc, xs, argv[each]);
    }
    xs_close(xs);
    xc_interface_close(xc);
    return failed;
}
