/* What the tests in C share. Each is called as: TEST COMMAND FOLDER, with the command userdata
 * and an empty folder. The host is simulated in FOLDER/host, and the values are in
 * FOLDER/values. */
#ifndef CHECK_H
#define CHECK_H

#include <userdata.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int failed;
static int lines;
static int lines_seen_malformed;
static const char *command;
static char folder[512];
static char host[640];
static char values[640];

/* Compares two numbers. */
#define IS(call, want)                                                                             \
    do {                                                                                           \
        long long is_ = (long long)(call);                                                         \
        long long want_ = (long long)(want);                                                       \
        if (is_ != want_) {                                                                        \
            failed++;                                                                              \
            printf("%s:%d: %s is %lld and not %lld\n", __FILE__, __LINE__, #call, is_, want_);     \
        }                                                                                          \
    } while (0)
#define OK(condition) IS(!(condition), 0)

/* Counts the lines of the log, and tells of one that is not a line. */
static inline void count_line(void *user, int level, const char *line)
{
    (void)user;
    lines++;
    if ((level != USERDATA_LOG_ERROR && level != USERDATA_LOG_WARNING) || !*line
        || strchr(line, '\n'))
        lines_seen_malformed++;
    if (getenv("SHOW_LOG"))
        fprintf(stderr, "log: %s\n", line);
}

static inline void begin(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: %s COMMAND FOLDER\n", argv[0]);
        exit(2);
    }
    command = argv[1];
    snprintf(folder, sizeof folder, "%s", argv[2]);
    snprintf(host, sizeof host, "sim:%s/host", folder);
    snprintf(values, sizeof values, "%s/values", folder);
    if (mkdir(values, 0700)) {
        perror(values);
        exit(2);
    }
}

/* Runs the command userdata on the same host and values. */
static inline int userdata_command(const char *arguments)
{
    char line[2600];
    snprintf(line, sizeof line, "%s --hypervisor %s --dir %s %s >/dev/null 2>&1", command, host,
             values, arguments);
    return system(line);
}

/* Creates a domain, whose handle is 16 bytes of its domid. */
static inline void create(uint32_t domid, uint8_t *uuid)
{
    char line[200];
    unsigned n = (unsigned)domid;
    int i;
    for (i = 0; i < 16; i++)
        uuid[i] = (uint8_t)domid;
    snprintf(line, sizeof line,
             "sim create --domid %u --uuid "
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
             n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n, n);
    IS(userdata_command(line), 0);
}

static inline int sim_destroy(uint32_t domid)
{
    char line[100];
    snprintf(line, sizeof line, "sim destroy %u", (unsigned)domid);
    return userdata_command(line);
}

static inline userdata_options options(void)
{
    userdata_options made = USERDATA_OPTIONS_INIT;
    made.hypervisor = host;
    made.directory = values;
    made.log = count_line;
    return made;
}

/* How many descriptors are open. */
static inline int descriptors(void)
{
    DIR *open = opendir("/proc/self/fd");
    int count = 0;
    if (!open)
        return -1;
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

/* How many files are in the folder of the values. */
static inline int files(void)
{
    DIR *open = opendir(values);
    struct dirent *found;
    int count = 0;
    if (!open)
        return -1;
    while ((found = readdir(open)))
        count += found->d_name[0] != '.';
    closedir(open);
    return count;
}

/* Whether the value is this text. */
static inline int has(userdata_ctx *ctx, uint32_t domid, const char *userid, const char *text)
{
    void *data;
    size_t length;
    int same;
    if (userdata_retrieve(ctx, domid, NULL, userid, &data, &length))
        return 0;
    if (!text)
        same = !data && !length;
    else
        same = data && length == strlen(text) && !memcmp(data, text, length + 1);
    userdata_free(data);
    return same;
}

static inline int store_text(userdata_ctx *ctx, uint32_t domid, const char *userid,
                             const char *text)
{
    return userdata_store(ctx, domid, NULL, userid, text, strlen(text));
}

static inline int end(const char *name)
{
    IS(lines_seen_malformed, 0);
    printf("%s: %d failed, %d lines in the log\n", name, failed, lines);
    return failed != 0;
}

#endif
