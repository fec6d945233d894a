/* Does what lines on standard input say, and times it in this process.
 *
 * The working directory has the values. Each command is answered by a line on standard output:
 *
 *   domains N                              then N lines "DOMID UUID alive": these domains exist
 *   store DOMID NUMBER LENGTH              then the bytes of the value
 *   retrieve DOMID NUMBER                  "value LENGTH" and then the bytes, or "none"
 *   size DOMID NUMBER                      "size LENGTH", or "none"
 *   list DOMID                             "names N", then N lines with a userid each
 *   remove DOMID NUMBER
 *   clear DOMID
 *   turn WORK DOMID NUMBER LENGTH SEED EARLY TIMES
 *                                          does the work so often: "ns=<nanoseconds for all>"
 *   write DOMID NUMBER LENGTH SEED MILLISECONDS
 *                                          stores until the time is over: "done=N ns=NANOSECONDS"
 *
 * The userid of a value is "value-NUMBER". The works are those of `src/work.rs`, which does the
 * same in Rust. EARLY times come first that are not timed, and the preparation of each time is not
 * timed. A value begins with a counter that starts at SEED, so that all values differ. What has no
 * other answer is answered by "ok", a failure by "failed: <what>".
 *
 * Exit status: 0 at the end of the input, 2 a command that is not understood, 3 the peer does not
 * open.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "peer.h"

#define LENGTH_MAX (1 << 20)
#define VALUES 5

struct turn {
    uint32_t domid;
    unsigned number;
    size_t length;
};

static uint8_t value[LENGTH_MAX];
static uint64_t counter;

/* One time of a work, or its preparation. */
typedef const char *step(const struct turn *turn);

static const char *userid(unsigned number)
{
    static char text[24];

    snprintf(text, sizeof text, "value-%u", number);
    return text;
}

static const char *store(const struct turn *turn)
{
    counter++;
    memcpy(value, &counter, sizeof counter);
    return peer_store(turn->domid, userid(turn->number), value, turn->length);
}

static const char *retrieve(const struct turn *turn)
{
    void *data = NULL;
    size_t length = 0;
    const char *wrong = peer_retrieve(turn->domid, userid(turn->number), &data, &length);

    free(data);
    return wrong ? wrong : length == turn->length ? NULL : "another length";
}

static const char *size(const struct turn *turn)
{
    size_t length = 0;
    const char *wrong = peer_size(turn->domid, userid(turn->number), &length);

    return wrong ? wrong : length == turn->length ? NULL : "another length";
}

static const char *list(const struct turn *turn)
{
    size_t count = 0;
    const char *wrong = peer_list(turn->domid, NULL, &count);

    return wrong ? wrong : count == VALUES ? NULL : "another number of values";
}

static const char *take_away(const struct turn *turn)
{
    return peer_remove(turn->domid, userid(turn->number));
}

static const char *clear(const struct turn *turn)
{
    return peer_clear(turn->domid);
}

static const char *fill(const struct turn *turn)
{
    const char *wrong = NULL;
    struct turn one = *turn;

    for (unsigned i = 0; i < VALUES && !wrong; i++) {
        one.number = turn->number + i;
        wrong = store(&one);
    }
    return wrong;
}

static const struct {
    const char *name;
    step *prepare, *once;
    /* Each time has the domain after that of the time before. */
    bool next_domain;
} works[] = {
    { "store-new", take_away, store, false }, { "replace", NULL, store, false },
    { "retrieve", NULL, retrieve, false },    { "size", NULL, size, false },
    { "list", NULL, list, false },            { "remove", store, take_away, false },
    { "clear", fill, clear, false },          { "destroy", NULL, clear, true },
};

static uint64_t now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000 + (uint64_t)at.tv_nsec;
}

static void timed(size_t work, struct turn turn, unsigned early, unsigned times)
{
    const char *wrong = NULL;
    step *prepare = works[work].prepare;
    uint64_t spent = 0, started = 0;

    for (unsigned i = 0; i < early + times && !wrong; i++) {
        if (prepare && (wrong = prepare(&turn)))
            break;
        if (prepare || i == early)
            started = now();
        wrong = works[work].once(&turn);
        if (prepare && i >= early)
            spent += now() - started;
        if (works[work].next_domain)
            turn.domid++;
    }
    if (!prepare)
        spent = now() - started;
    if (wrong)
        printf("failed: %s\n", wrong);
    else
        printf("ns=%" PRIu64 "\n", spent);
}

static void write_for(struct turn turn, unsigned milliseconds)
{
    uint64_t done = 0, started = now(), end = started + (uint64_t)milliseconds * 1000000;
    const char *wrong = NULL;

    while (!wrong && now() < end) {
        wrong = store(&turn);
        done++;
    }
    if (wrong)
        printf("failed: %s\n", wrong);
    else
        printf("done=%" PRIu64 " ns=%" PRIu64 "\n", done, now() - started);
}

static void answer(const char *wrong)
{
    if (wrong)
        printf("failed: %s\n", wrong);
    else
        puts("ok");
}

static void show_value(uint32_t domid, unsigned number)
{
    void *data = NULL;
    size_t length = 0;
    const char *wrong = peer_retrieve(domid, userid(number), &data, &length);

    if (wrong) {
        answer(wrong);
    } else if (!data) {
        puts("none");
    } else {
        printf("value %zu\n", length);
        fwrite(data, 1, length, stdout);
    }
    free(data);
}

static void show_size(uint32_t domid, unsigned number)
{
    size_t length = 0;
    const char *wrong = peer_size(domid, userid(number), &length);

    if (wrong)
        answer(wrong);
    else if (!length)
        puts("none");
    else
        printf("size %zu\n", length);
}

static void show_name(const char *name)
{
    puts(name);
}

static void show_names(uint32_t domid)
{
    size_t count = 0;
    const char *wrong = peer_list(domid, NULL, &count);

    if (wrong) {
        answer(wrong);
        return;
    }
    printf("names %zu\n", count);
    peer_list(domid, show_name, &count);
}

static bool obey_turn(const char *line)
{
    char name[16];
    struct turn turn;
    unsigned early, times;

    if (sscanf(line, "%15s %" SCNu32 " %u %zu %" SCNu64 " %u %u", name, &turn.domid, &turn.number,
               &turn.length, &counter, &early, &times) != 7 || turn.length > LENGTH_MAX)
        return false;
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        if (!strcmp(name, works[i].name)) {
            timed(i, turn, early, times);
            return true;
        }
    return false;
}

static bool obey_write(const char *line)
{
    struct turn turn;
    unsigned milliseconds;

    if (sscanf(line, "%" SCNu32 " %u %zu %" SCNu64 " %u", &turn.domid, &turn.number, &turn.length,
               &counter, &milliseconds) != 5 || turn.length > LENGTH_MAX)
        return false;
    write_for(turn, milliseconds);
    return true;
}

/* Does what a line says; false if it is not understood. */
static bool obey(const char *line)
{
    char command[16];
    unsigned first = 0, number = 0;
    size_t length = 0;
    int rest = 0;

    if (sscanf(line, "%15s %n", command, &rest) != 1)
        return false;
    if (!strcmp(command, "turn"))
        return obey_turn(line + rest);
    if (!strcmp(command, "write"))
        return obey_write(line + rest);
    if (sscanf(line + rest, "%u %u %zu", &first, &number, &length) < 1)
        return false;
    if (!strcmp(command, "domains")) {
        answer(peer_read_domains(first) ? NULL : "the domains");
    } else if (!strcmp(command, "store")) {
        if (length > LENGTH_MAX || fread(value, 1, length, stdin) != length)
            return false;
        answer(peer_store(first, userid(number), value, length));
    } else if (!strcmp(command, "retrieve")) {
        show_value(first, number);
    } else if (!strcmp(command, "size")) {
        show_size(first, number);
    } else if (!strcmp(command, "list")) {
        show_names(first);
    } else if (!strcmp(command, "remove")) {
        answer(peer_remove(first, userid(number)));
    } else if (!strcmp(command, "clear")) {
        answer(peer_clear(first));
    } else {
        return false;
    }
    return true;
}

int main(void)
{
    char line[256];

    umask(022);
    memset(value, 'v', sizeof value);
    if (!peer_open())
        return 3;
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        if (!obey(line))
            return 2;
        fflush(stdout);
    }
    return 0;
}
