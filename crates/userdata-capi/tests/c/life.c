/* The life of values, from the first store to the sweep. */
#include "check.h"

#include <fcntl.h>

static userdata_ctx *ctx;

static void single_values(void)
{
    uint8_t uuid[16];
    void *data;
    size_t length = 7;
    userdata_digest digest;
    char path[1400];
    FILE *file;

    create(5, uuid);
    IS(userdata_store(ctx, 5, NULL, "agent", "a\0b", 3), 0);
    IS(userdata_retrieve(ctx, 5, uuid, "agent", &data, &length), 0);
    IS(length, 3);
    OK(data && !memcmp(data, "a\0b\0", 4));
    userdata_free(data);
    IS(userdata_retrieve(ctx, 5, NULL, "agent", NULL, &length), 0);
    IS(length, 3);
    IS(userdata_retrieve(ctx, 5, NULL, "other", &data, &length), 0);
    OK(!data && !length);

    /* The command and the library see the same values. */
    IS(userdata_command("retrieve 5 agent"), 0);
    IS(userdata_command("store 5 command /etc/hostname"), 0);
    IS(userdata_retrieve(ctx, 5, NULL, "command", NULL, &length), 0);
    OK(length > 0);

    IS(store_text(ctx, 5, "agent", "second"), 0);
    OK(has(ctx, 5, "agent", "second"));
    userdata_digest_of("second", 6, &digest);
    IS(userdata_store_if(ctx, 5, NULL, "agent", "third", 5, &digest), 0);
    IS(userdata_store_if(ctx, 5, NULL, "agent", "fourth", 6, &digest), USERDATA_ERROR_PRECONDITION);
    IS(userdata_store_if(ctx, 5, NULL, "agent", "fourth", 6, NULL), USERDATA_ERROR_PRECONDITION);
    IS(userdata_store_if(ctx, 5, NULL, "new", "first", 5, NULL), 0);
    OK(has(ctx, 5, "agent", "third") && has(ctx, 5, "new", "first"));
    userdata_digest_of(NULL, 0, &digest);
    IS(digest.bytes[0], 0xe3); /* SHA-256 of nothing begins so */

    IS(userdata_remove(ctx, 5, NULL, "new"), 0);
    IS(userdata_remove(ctx, 5, NULL, "new"), 0);
    OK(has(ctx, 5, "new", NULL));
    IS(userdata_store(ctx, 5, uuid, "command", NULL, 0), 0);
    OK(has(ctx, 5, "command", NULL));

    /* As a power cut may leave a value of libxl. */
    snprintf(path, sizeof path,
             "%s/userdata-d.5.05050505-0505-0505-0505-050505050505.empty", values);
    file = fopen(path, "w");
    OK(file && !fclose(file));
    IS(userdata_retrieve(ctx, 5, NULL, "empty", &data, &length), USERDATA_ERROR_DAMAGED);
    OK(!data && !length);
}

static void lists(void)
{
    userdata_list *list;
    size_t index = 9;

    IS(userdata_list_get(ctx, 5, NULL, &list), 0);
    IS(userdata_list_count(list), 2);
    OK(!strcmp(userdata_list_userid(list, 0), "agent"));
    IS(userdata_list_size(list, 0), 5);
    IS(userdata_list_condition(list, 0), 0);
    OK(!strcmp(userdata_list_userid(list, 1), "empty"));
    IS(userdata_list_condition(list, 1), USERDATA_ERROR_DAMAGED);
    OK(!userdata_list_userid(list, 2));
    IS(userdata_list_size(list, 2), 0);
    IS(userdata_list_condition(list, 2), USERDATA_ERROR_INVAL);
    IS(userdata_list_find(list, "empty", &index), 0);
    IS(index, 1);
    IS(userdata_list_find(list, "none", &index), USERDATA_ERROR_NO_DATA);
    IS(index, 0);
    userdata_list_free(list);
}

static void clear(void)
{
    char path[1400];
    FILE *file;
    size_t length;

    snprintf(path, sizeof path,
             "%s/userdata-d.5.05050505-0505-0505-0505-050505050505.libxl-json", values);
    file = fopen(path, "w");
    OK(file && fputs("{}", file) > 0 && !fclose(file));
    IS(userdata_clear(ctx, 5, NULL, 0), 0);
    OK(has(ctx, 5, "agent", NULL) && has(ctx, 5, "libxl-json", "{}"));
    IS(userdata_clear(ctx, 5, NULL, USERDATA_CLEAR_ALL), 0);
    IS(userdata_retrieve(ctx, 5, NULL, "libxl-json", NULL, &length), 0);
    IS(length, 0);
}

struct seen {
    int calls;
    int late;
    int returns;
    int destroys;
    uint8_t uuid[16];
};

static int destroy(void *user, uint32_t domid, const uint8_t *uuid)
{
    struct seen *seen = (struct seen *)user;
    seen->calls++;
    seen->late = store_text(ctx, domid, "late", "too late");
    memcpy(seen->uuid, uuid, 16);
    if (seen->destroys)
        IS(sim_destroy(domid), 0);
    return seen->returns;
}

static void destroy_by_callback(void)
{
    struct seen seen;
    uint8_t uuid[16];
    userdata_list *list;
    int rc = 5;

    memset(&seen, 0, sizeof seen);
    create(6, uuid);
    IS(store_text(ctx, 6, "agent", "one"), 0);
    seen.returns = -42;
    IS(userdata_destroy(ctx, 6, NULL, destroy, &seen, &rc), USERDATA_ERROR_CALLBACK);
    IS(rc, -42);
    IS(seen.calls, 1);
    IS(seen.late, USERDATA_ERROR_DESTROYING);
    OK(!memcmp(seen.uuid, uuid, 16));
    seen.returns = 0; /* although it does not destroy it */
    IS(userdata_destroy(ctx, 6, uuid, destroy, &seen, &rc), USERDATA_ERROR_CALLBACK);
    IS(rc, 0);
    OK(has(ctx, 6, "agent", "one"));
    seen.destroys = 1;
    IS(userdata_destroy(ctx, 6, uuid, destroy, &seen, NULL), 0);
    IS(seen.calls, 3);
    IS(store_text(ctx, 6, "agent", "late"), USERDATA_ERROR_NO_DOMAIN);
    IS(userdata_list_get(ctx, 6, uuid, &list), 0);
    IS(userdata_list_count(list), 0);
    userdata_list_free(list);
    IS(files(), 0);
}

static void destroy_in_two_steps(void)
{
    userdata_closing *closing, *second;
    uint8_t uuid[16];

    create(7, uuid);
    IS(store_text(ctx, 7, "agent", "one"), 0);
    IS(userdata_closing_begin(ctx, 7, uuid, &closing), 0);
    IS(store_text(ctx, 7, "agent", "late"), USERDATA_ERROR_DESTROYING);
    IS(userdata_closing_begin(ctx, 7, NULL, &second), USERDATA_ERROR_DESTROYING);
    OK(!second);
    IS(userdata_closing_end(closing, 0), 0);
    IS(store_text(ctx, 7, "agent", "two"), 0);
    IS(userdata_closing_begin(ctx, 7, NULL, &closing), 0);
    IS(userdata_closing_end(closing, 1), USERDATA_ERROR_CALLBACK); /* it lives */
    OK(has(ctx, 7, "agent", "two"));
    IS(userdata_closing_begin(ctx, 7, NULL, &closing), 0);
    IS(sim_destroy(7), 0);
    IS(userdata_closing_end(closing, 1), 0);
    IS(files(), 0);
    IS(userdata_closing_begin(ctx, 7, NULL, &closing), USERDATA_ERROR_NO_DOMAIN);
    OK(!closing);
}

struct told {
    int count[6];
    int wrong;
};

static void tell(void *user, const userdata_swept *swept)
{
    struct told *told = (struct told *)user;
    if (swept->size < sizeof *swept || swept->what < 1 || swept->what > 5 || !swept->verdict
        || !swept->line) {
        told->wrong++;
        return;
    }
    told->count[swept->what]++;
    if (swept->domid == 8 && (strcmp(swept->verdict, "absent") || swept->uuid[0] != 8))
        told->wrong++;
    if (swept->what == USERDATA_SWEPT_REMOVED && strcmp(swept->userid, "agent"))
        told->wrong++;
}

static void sweep(void)
{
    userdata_sweep_options how = USERDATA_SWEEP_OPTIONS_INIT;
    userdata_sweep_totals totals = USERDATA_SWEEP_TOTALS_INIT;
    userdata_sightings *sightings;
    struct told told;
    uint8_t uuid[16];

    memset(&told, 0, sizeof told);
    create(8, uuid);
    create(9, uuid);
    IS(store_text(ctx, 8, "agent", "orphan"), 0);
    IS(store_text(ctx, 9, "agent", "stays"), 0);
    IS(sim_destroy(8), 0);
    how.each = tell;
    how.each_user = &told;
    how.flags = USERDATA_SWEEP_DRY_RUN | USERDATA_SWEEP_EXPLAIN;
    IS(userdata_sweep(ctx, &how, &totals), 0);
    IS(totals.domains, 2);
    IS(totals.removed, 1);
    IS(told.count[USERDATA_SWEPT_WOULD_GO], 1);
    IS(told.count[USERDATA_SWEPT_STAYS], 1);
    IS(files(), 2);

    /* Sightings carry from one sweep to the next how long a domain has been gone. */
    IS(userdata_sightings_alloc(&sightings), 0);
    how.flags = 0;
    how.sightings = sightings;
    how.settle_ms = 3600 * 1000;
    IS(userdata_sweep(ctx, &how, &totals), 0);
    IS(totals.removed, 0);
    how.settle_ms = 0;
    memset(&told, 0, sizeof told);
    IS(userdata_sweep(ctx, &how, &totals), 0);
    IS(totals.orphans, 1);
    IS(totals.removed, 1);
    IS(totals.failed, 0);
    IS(told.count[USERDATA_SWEPT_REMOVED], 1);
    IS(told.wrong, 0);
    IS(files(), 1);
    IS(userdata_sweep(ctx, NULL, NULL), 0);
    OK(has(ctx, 9, "agent", "stays"));
    userdata_sightings_free(sightings);
}

static void export_and_import(void)
{
    char path[640];
    uint8_t uuid[16];
    int fd;
    unsigned char byte;

    create(10, uuid);
    create(11, uuid);
    IS(store_text(ctx, 10, "agent", "state"), 0);
    IS(store_text(ctx, 10, "second", "more"), 0);
    IS(store_text(ctx, 10, "xl", "memory = 512"), 0);
    snprintf(path, sizeof path, "%s/archive", folder);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    OK(fd >= 0);
    IS(userdata_export(ctx, 10, NULL, fd, 0), 0);
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_import(ctx, 11, uuid, fd, 0), 0);
    OK(has(ctx, 11, "agent", "state") && has(ctx, 11, "second", "more"));
    OK(has(ctx, 11, "xl", NULL));

    /* The command reads the same archive. */
    {
        char line[800];
        snprintf(line, sizeof line, "import 11 %s", path);
        IS(userdata_command(line), 0);
    }
    IS(store_text(ctx, 11, "agent", "other"), 0);
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_import(ctx, 11, NULL, fd, 0), USERDATA_ERROR_PRECONDITION);
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_import(ctx, 11, NULL, fd, USERDATA_IMPORT_KEEP), 0);
    OK(has(ctx, 11, "agent", "other"));
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_import(ctx, 11, NULL, fd, USERDATA_IMPORT_REPLACE), 0);
    OK(has(ctx, 11, "agent", "state"));
    IS(pread(fd, &byte, 1, 600), 1);
    byte ^= 1;
    IS(pwrite(fd, &byte, 1, 600), 1);
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_import(ctx, 11, NULL, fd, USERDATA_IMPORT_REPLACE), USERDATA_ERROR_DAMAGED);

    IS(ftruncate(fd, 0), 0);
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_export(ctx, 10, uuid, fd, USERDATA_EXPORT_ALL), 0); /* another incarnation */
    IS(ftruncate(fd, 0), 0);
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_export(ctx, 10, NULL, fd, USERDATA_EXPORT_ALL), 0);
    IS(lseek(fd, 0, SEEK_SET), 0);
    IS(userdata_import(ctx, 11, NULL, fd, USERDATA_IMPORT_ALL), 0);
    OK(has(ctx, 11, "xl", "memory = 512"));
    IS(close(fd), 0);
    fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    IS(userdata_export(ctx, 10, NULL, fd, 0), USERDATA_ERROR_NO_SPACE);
    IS(close(fd), 0);
}

int main(int argc, char **argv)
{
    userdata_options how;
    int open_before;

    begin(argc, argv);
    how = options();
    open_before = descriptors();
    IS(userdata_ctx_alloc(&ctx, USERDATA_API_VERSION, &how), 0);
    if (ctx) {
        errno = 77;
        single_values();
        lists();
        clear();
        destroy_by_callback();
        destroy_in_two_steps();
        sweep();
        export_and_import();
        userdata_ctx_free(ctx);
    }
    IS(descriptors(), open_before);
    return end("life");
}
