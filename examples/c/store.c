/* Stores a value for a domain and reads it again.
 *
 *   cc store.c $(pkg-config --cflags --libs userdata) -o store
 *   ./store DOMID                  on a Xen host
 *   ./store DOMID sim:/tmp/host    on a host that is simulated in a file
 */
#include <userdata.h>

#include <stdio.h>
#include <stdlib.h>

static void print_line(void *user, int level, const char *line)
{
    (void)user;
    fprintf(stderr, "%s: %s\n", level == USERDATA_LOG_ERROR ? "error" : "warning", line);
}

int main(int argc, char **argv)
{
    userdata_options options = USERDATA_OPTIONS_INIT;
    userdata_ctx *ctx;
    uint32_t domid;
    void *value;
    size_t size;
    int rc;

    if (argc < 2) {
        fprintf(stderr, "usage: %s DOMID [HYPERVISOR]\n", argv[0]);
        return 2;
    }
    domid = (uint32_t)strtoul(argv[1], NULL, 10);
    options.hypervisor = argc > 2 ? argv[2] : NULL;
    options.log = print_line;
    rc = userdata_ctx_alloc(&ctx, USERDATA_API_VERSION, &options);
    if (rc < 0)
        return -rc;
    rc = userdata_store(ctx, domid, NULL, "example", "hello", 5);
    if (rc == 0)
        rc = userdata_retrieve(ctx, domid, NULL, "example", &value, &size);
    if (rc == 0) {
        printf("%lu bytes: %s\n", (unsigned long)size, value ? (const char *)value : "");
        userdata_free(value);
    }
    userdata_ctx_free(ctx);
    return -rc; /* the exit status of the command userdata for the same failure */
}
