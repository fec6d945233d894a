/* A paravirtualised guest that answers its toolstack as Linux does: it powers off, reboots and is
 * suspended when `control/shutdown` in xenstore tells it to, so that `xl reboot`, `xl save` and
 * `xl restore` work with it. It has no devices, no interrupts and no other use.
 */
#define __XEN_INTERFACE_VERSION__ 0x00040400 /* 4.4: since then nothing here has changed */

#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/io/xs_wire.h>

#define PAGE 4096
#define CONTROL "control/shutdown"

/* The notes that tell the domain builder how to start it: xen/include/public/elfnote.h. */
__asm__(".macro note type, value:vararg\n"
        ".balign 4\n"
        ".long 4, 2f - 1f, \\type\n"
        ".asciz \"Xen\"\n"
        "1: \\value\n"
        "2: .balign 4\n"
        ".endm\n"
        ".pushsection .note.Xen, \"a\", @note\n"
        "note 1, .quad _start\n"
        "note 2, .quad hypercall_page\n"
        "note 3, .quad 0\n"
        "note 5, .asciz \"xen-3.0\"\n"
        "note 6, .asciz \"answering\"\n"
        "note 7, .asciz \"1\"\n"
        "note 8, .asciz \"generic\"\n"
        "note 9, .asciz \"yes\"\n"
        "note 14, .long 1\n"
        ".popsection\n"
        ".text\n"
        ".globl _start\n"
        "_start: mov %rsi, %rdi\n"
        "call main\n"
        ".balign 4096\n"
        ".globl hypercall_page\n"
        "hypercall_page: .fill 4096, 1, 0x90\n");

extern uint8_t hypercall_page[];

/* Filled by the domain builder, and again by the one that restores it. */
static start_info_t *start;

/* The page of it is replaced by the one that Xen shares with the guest. */
static uint8_t shared[PAGE] __attribute__((aligned(PAGE)));
#define SHARED ((volatile shared_info_t *)shared)

/* What a saved guest tells of its memory: the pages of a list of the pages of `mfn_list`. */
static uint64_t frame_list[PAGE / 8] __attribute__((aligned(PAGE)));
static uint64_t frame_lists[PAGE / 8] __attribute__((aligned(PAGE)));

static long hypercall(unsigned number, uint64_t a, uint64_t b, uint64_t c)
{
    long result;

    __asm__ volatile("call *%[entry]"
                     : "=a"(result), "+D"(a), "+S"(b), "+d"(c)
                     : [entry] "a"(hypercall_page + number * 32)
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    return result;
}

static uint64_t frame(const void *address)
{
    return ((const uint64_t *)start->mfn_list)[(uintptr_t)address / PAGE];
}

/* The address of the guest's page that has this machine frame. Page n is at n * PAGE. */
static void *page_of(uint64_t mfn)
{
    const uint64_t *list = (const uint64_t *)start->mfn_list;
    uint64_t page = 0;

    while (page < start->nr_pages && list[page] != mfn)
        page++;
    return (void *)(page * PAGE);
}

static void map_shared(uint64_t entry)
{
    hypercall(__HYPERVISOR_update_va_mapping, (uintptr_t)shared, entry, UVMF_INVLPG);
}

/* At the start, and again after the guest was restored. */
static void set_up(void)
{
    uint64_t pages = (start->nr_pages * 8 + PAGE - 1) / PAGE;

    map_shared(start->shared_info | 7);
    for (uint64_t page = 0; page < pages; page++)
        frame_list[page] = frame((uint8_t *)start->mfn_list + page * PAGE);
    frame_lists[0] = frame(frame_list);
    SHARED->arch.max_pfn = start->nr_pages;
    SHARED->arch.pfn_to_mfn_frame_list_list = frame(frame_lists);
}

/* Waits until xenstored has sent or taken something. */
static void wait_for_xenstored(void)
{
    evtchn_port_t port = start->store_evtchn;
    struct sched_poll poll = {.nr_ports = 1};

    set_xen_guest_handle(poll.ports, &port);
    hypercall(__HYPERVISOR_sched_op, SCHEDOP_poll, (uintptr_t)&poll, 0);
    __atomic_fetch_and(&SHARED->evtchn_pending[port / 64], ~(1ul << port % 64), __ATOMIC_SEQ_CST);
}

static void notify_xenstored(void)
{
    struct evtchn_send send = {.port = start->store_evtchn};

    hypercall(__HYPERVISOR_event_channel_op, EVTCHNOP_send, (uintptr_t)&send, 0);
}

static volatile struct xenstore_domain_interface *ring(void)
{
    return page_of(start->store_mfn);
}

static void put(const void *data, uint32_t length)
{
    for (uint32_t at = 0; at < length; at++) {
        volatile struct xenstore_domain_interface *to = ring();
        while (to->req_prod - to->req_cons == XENSTORE_RING_SIZE)
            wait_for_xenstored();
        to->req[MASK_XENSTORE_IDX(to->req_prod)] = ((const char *)data)[at];
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        to->req_prod++;
    }
}

static void get(void *data, uint32_t length)
{
    for (uint32_t at = 0; at < length; at++) {
        volatile struct xenstore_domain_interface *from = ring();
        while (from->rsp_prod == from->rsp_cons)
            wait_for_xenstored();
        ((char *)data)[at] = from->rsp[MASK_XENSTORE_IDX(from->rsp_cons)];
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        from->rsp_cons++;
    }
    notify_xenstored();
}

static void ask(uint32_t type, const char *payload, uint32_t length)
{
    struct xsd_sockmsg head = {.type = type, .len = length};

    put(&head, sizeof head);
    put(payload, length);
    notify_xenstored();
}

static void watch(void)
{
    static const char watched[] = CONTROL "\0token";

    ask(XS_WATCH, watched, sizeof watched);
}

static void shut_down(unsigned reason)
{
    struct sched_shutdown how = {.reason = reason};

    hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&how, 0);
}

static void suspend(void)
{
    struct sched_shutdown how = {.reason = SHUTDOWN_suspend};
    uint64_t store = start->store_mfn, console = start->console.domU.mfn;

    /* A saved guest names pages by its own numbers, and maps none but its own. */
    start->store_mfn = (uintptr_t)page_of(store) / PAGE;
    start->console.domU.mfn = (uint32_t)((uintptr_t)page_of(console) / PAGE);
    map_shared(0);
    if (hypercall(__HYPERVISOR_sched_op, SCHEDOP_shutdown, (uintptr_t)&how, frame(start))) {
        /* It goes on where it was, as after `xl save -c`. */
        start->store_mfn = store;
        start->console.domU.mfn = (uint32_t)console;
    }
    set_up();
    watch();
}

/* Does what `control/shutdown` told: "poweroff", "halt", "reboot" or "suspend". */
static void obey(const char *what)
{
    switch (what[0]) {
    case 'p':
    case 'h':
        shut_down(SHUTDOWN_poweroff);
        break;
    case 'r':
        shut_down(SHUTDOWN_reboot);
        break;
    case 's':
        suspend();
        break;
    }
}

void main(start_info_t *info)
{
    static char payload[XENSTORE_PAYLOAD_MAX + 1], told[16];

    start = info;
    set_up();
    watch();
    for (;;) {
        struct xsd_sockmsg head;

        get(&head, sizeof head);
        get(payload, head.len);
        payload[head.len] = 0;
        switch (head.type) {
        case XS_WATCH_EVENT:
            ask(XS_READ, CONTROL, sizeof CONTROL);
            break;
        case XS_READ:
            if (!payload[0])
                break;
            for (unsigned at = 0; at < sizeof told - 1; at++)
                told[at] = payload[at];
            /* No bytes under the same name say that it is understood. */
            ask(XS_WRITE, CONTROL, sizeof CONTROL);
            break;
        case XS_WRITE:
            obey(told);
            break;
        }
    }
}
