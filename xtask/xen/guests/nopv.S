/* The smallest useful paravirtualised guest: no memory to set up, no devices, no interrupts.
 * The first letter of its command line (extra= in xl's configuration) says what it does:
 *
 *      (none)  blocks for ever
 *      s       keeps its processor busy
 *      p       powers off at once
 *      r       asks for a reboot, after a while
 *      c       crashes at once
 */
#define ELFNOTE(type, value)                            \
        .pushsection .note.Xen, "a", @note              ;\
        .balign 4                                       ;\
        .long   4, 2f - 1f, type                        ;\
        .asciz  "Xen"                                   ;\
1:      value                                           ;\
2:      .balign 4                                       ;\
        .popsection

        /* xen/include/public/elfnote.h */
        ELFNOTE(1, .quad _start)                /* ENTRY */
        ELFNOTE(2, .quad hypercall_page)        /* HYPERCALL_PAGE */
        ELFNOTE(3, .quad 0)                     /* VIRT_BASE */
        ELFNOTE(5, .asciz "xen-3.0")            /* XEN_VERSION */
        ELFNOTE(6, .asciz "nopv")               /* GUEST_OS */
        ELFNOTE(7, .asciz "1")                  /* GUEST_VERSION */
        ELFNOTE(8, .asciz "generic")            /* LOADER */
        ELFNOTE(9, .asciz "yes")                /* PAE_MODE */

#define SCHED_OP        29                      /* __HYPERVISOR_sched_op */
#define YIELD           0
#define BLOCK           1
#define SHUTDOWN        2
#define POWEROFF        0
#define REBOOT          1
#define CRASH           3
#define CMD_LINE        128                     /* of struct start_info, in %rsi at the start */

        .text
        .globl  _start
_start:
        movb    CMD_LINE(%rsi), %al
        cmpb    $'s', %al
        je      busy
        cmpb    $'p', %al
        je      poweroff
        cmpb    $'r', %al
        je      reboot
        cmpb    $'c', %al
        je      crash
idle:
        movl    $BLOCK, %edi
        call    sched_op
        jmp     idle
busy:
        jmp     busy
poweroff:
        movl    $POWEROFF, reason
        jmp     shutdown
crash:
        movl    $CRASH, reason
        jmp     shutdown
reboot:
        movl    $REBOOT, reason
        movl    $10000, %ebx
1:      movl    $YIELD, %edi
        call    sched_op
        decl    %ebx
        jnz     1b
shutdown:
        movl    $SHUTDOWN, %edi
        movl    $reason, %esi
        call    sched_op
        jmp     shutdown

/* sched_op(command in %edi, pointer to arguments in %rsi) */
sched_op:
        movl    $hypercall_page + SCHED_OP * 32, %eax
        jmp     *%rax

        .balign 4096
        .globl  hypercall_page
hypercall_page:                                 /* filled by the builder of the domain */
        .fill   4096, 1, 0x90

        .data
reason: .long   0

        .section .note.GNU-stack, "", @progbits
