/* Maps a page of a paravirtualised guest and keeps it mapped: a domain that is destroyed meanwhile
 * stays behind, dead, until the page is let go.
 *
 * usage: map-page DOMID FILE
 *
 * Makes FILE when the page is mapped. Ends when it is killed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenforeignmemory.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    uint32_t domid = (uint32_t)strtoul(argv[1], NULL, 10);
    xc_interface *xc = xc_interface_open(NULL, NULL, 0);
    xenforeignmemory_handle *memory = xenforeignmemory_open(NULL, 0);
    vcpu_guest_context_any_t context;

    if (!xc || !memory || xc_vcpu_getcontext(xc, domid, 0, &context)) {
        perror("map-page");
        return 1;
    }
    /* The root of its page tables, which is its own memory. */
    xen_pfn_t frame = context.x64.ctrlreg[3] >> 12;
    int error = 0;
    if (!xenforeignmemory_map(memory, domid, PROT_READ, 1, &frame, &error) || error) {
        perror("map-page");
        return 1;
    }
    if (open(argv[2], O_WRONLY | O_CREAT, 0600) < 0) {
        perror(argv[2]);
        return 1;
    }
    for (;;)
        pause();
}
