/* A host that is not there: which domains exist on it, and where its files are. */
#include <stdbool.h>
#include <stdint.h>

/* Takes the list of domains from lines "DOMID UUID alive|dead" of standard input. */
bool host_read_domains(unsigned lines);

/* Is there a domain of this id that is not dead? */
bool host_has(uint32_t domid);

/* The 16 bytes of the handle of a domain of this id, or NULL. */
const uint8_t *host_handle(uint32_t domid);

/* Where the files go that libxl keeps in /var/run/xen; those of /var/lib/xen are those of the
 * working directory. */
extern const char *host_run_directory;

/* Whether a process says "waits" on standard output before it waits for a lock. */
extern bool host_tells_waits;
