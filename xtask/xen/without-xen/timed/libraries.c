/* The libraries are loaded while the program runs, because the drop-in's functions have the names
 * of libxl's: so the program's own calls still go to libxl. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include <userdata.h>

#include "../host.h"
#include "libraries.h"

static struct {
    __typeof__(userdata_ctx_alloc) *alloc;
    __typeof__(userdata_retrieve) *retrieve;
    __typeof__(userdata_store) *store;
    __typeof__(userdata_free) *free;
    userdata_ctx *ctx;
} library;

static struct {
    __typeof__(libxl_userdata_retrieve) *retrieve;
    __typeof__(libxl_userdata_store) *store;
    libxl_ctx *ctx;
} drop_in;

static void *load(const char *folder, const char *name)
{
    char path[4096];
    void *loaded;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!loaded)
        fprintf(stderr, "%s\n", dlerror());
    return loaded;
}

static bool find(void *loaded, const char *name, void *function)
{
    *(void **)function = dlsym(loaded, name);
    return *(void **)function;
}

bool libraries_load(const char *folder, const char *host, libxl_ctx *ctx)
{
    char hypervisor[4096];
    userdata_options options = USERDATA_OPTIONS_INIT;
    void *ours = load(folder, "libuserdata.so.0");
    void *libxls = load(folder, "libuserdata_libxl.so");

    if (!ours || !libxls)
        return false;
    if (!find(ours, "userdata_ctx_alloc", &library.alloc)
        || !find(ours, "userdata_retrieve", &library.retrieve)
        || !find(ours, "userdata_store", &library.store)
        || !find(ours, "userdata_free", &library.free)
        || !find(libxls, "libxl_userdata_retrieve", &drop_in.retrieve)
        || !find(libxls, "libxl_userdata_store", &drop_in.store)) {
        fprintf(stderr, "%s\n", dlerror());
        return false;
    }
    drop_in.ctx = ctx;
    snprintf(hypervisor, sizeof hypervisor, "sim:%s", host);
    options.hypervisor = hypervisor;
    options.directory = ".";
    options.durability = USERDATA_PROCESS;
    if (library.alloc(&library.ctx, USERDATA_API_VERSION, &options)) {
        fprintf(stderr, "the C library opens nothing\n");
        return false;
    }
    return true;
}

const char *library_retrieve(uint32_t domid, size_t length)
{
    void *data;
    size_t found;

    if (library.retrieve(library.ctx, domid, host_handle(domid), "xl", &data, &found))
        return "a retrieve of the C library";
    library.free(data);
    return found == length ? NULL : "the C library gave another length";
}

const char *library_store(uint32_t domid, const void *data, size_t length)
{
    return library.store(library.ctx, domid, host_handle(domid), "xl", data, length)
               ? "a store of the C library"
               : NULL;
}

const char *drop_in_retrieve(uint32_t domid, size_t length)
{
    uint8_t *data = NULL;
    int found = 0;

    if (drop_in.retrieve(drop_in.ctx, domid, "xl", &data, &found))
        return "a retrieve of the drop-in";
    free(data);
    return (size_t)found == length ? NULL : "the drop-in gave another length";
}

const char *drop_in_store(uint32_t domid, const void *data, size_t length)
{
    return drop_in.store(drop_in.ctx, domid, "xl", data, (int)length) ? "a store of the drop-in"
                                                                      : NULL;
}
