/* A stand-in for NVIDIA's libcuda.so.1: its start, its devices and one context for each, from the
 * table. What PyTorch does after the start goes through the stand-in for libcudart.
 *
 * The real libcudart asks for private tables of functions once cuInit succeeds; they are not made
 * up here, so with it only starts that fail can be shown (level REAL). */
#define _GNU_SOURCE
#include "cuda_types.h"
#include "devices.h"
#include <dlfcn.h>

struct CUctx_st { CUdevice device; int held; };
static struct CUctx_st contexts[64];
static __thread CUcontext current;
static int started;

#define ENTER do { int fault = failure("cuda", __func__); if (fault) return (CUresult)fault; } while (0)
#define STARTED do { ENTER; if (!started) return CUDA_ERROR_NOT_INITIALIZED; } while (0)
#define DEVICE(device) \
  do { \
    STARTED; \
    if ((device) < 0 || (device) >= visible_count) return CUDA_ERROR_INVALID_DEVICE; \
    int fault = failure(device_section(device), __func__); \
    if (fault) return (CUresult)fault; \
  } while (0)

API CUresult cuInit(unsigned flags) {
  ENTER;
  find_devices();
  if (!visible_count) return CUDA_ERROR_NO_DEVICE;
  started = 1;
  return CUDA_SUCCESS;
}
API CUresult cuDriverGetVersion(int *version) { ENTER; *version = (int)number("cuda", "version", 13000); return CUDA_SUCCESS; }
API CUresult cuDeviceGetCount(int *count) { STARTED; *count = visible_count; return CUDA_SUCCESS; }
API CUresult cuDeviceGet(CUdevice *device, int index) { DEVICE(index); *device = index; return CUDA_SUCCESS; }
API CUresult cuDeviceGetName(char *name, int room, CUdevice device) {
  DEVICE(device);
  snprintf(name, (size_t)room, "%s", said(device_section(device), "name", "STAND-IN H100"));
  return CUDA_SUCCESS;
}
API CUresult cuDeviceTotalMem_v2(size_t *bytes, CUdevice device) { DEVICE(device); *bytes = memory_bytes(device); return CUDA_SUCCESS; }
API CUresult cuDeviceGetUuid_v2(CUuuid *uuid, CUdevice device) { DEVICE(device); uuid_of(device, uuid->bytes); return CUDA_SUCCESS; }
API CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute attribute, CUdevice device) {
  DEVICE(device);
  *value = attribute_of(device, (int)attribute);
  return CUDA_SUCCESS;
}

/* ---- contexts ---- */
API CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  DEVICE(device);
  contexts[device].device = device;
  contexts[device].held++;
  *context = &contexts[device];
  return CUDA_SUCCESS;
}
API CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) { DEVICE(device); if (contexts[device].held) contexts[device].held--; return CUDA_SUCCESS; }
API CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned *flags, int *active) {
  DEVICE(device);
  *flags = 0;
  *active = contexts[device].held > 0;
  return CUDA_SUCCESS;
}
API CUresult cuCtxSetCurrent(CUcontext context) { STARTED; current = context; return CUDA_SUCCESS; }
API CUresult cuCtxGetCurrent(CUcontext *context) { STARTED; *context = current; return CUDA_SUCCESS; }
API CUresult cuCtxSynchronize(void) { STARTED; return current ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT; }

/* ---- names and functions ---- */
API CUresult cuGetErrorString(CUresult error, const char **text) { *text = "an error of the stand-in"; return CUDA_SUCCESS; }
API CUresult cuGetErrorName(CUresult error, const char **text) { *text = "CUDA_ERROR_STAND_IN"; return CUDA_SUCCESS; }
static CUresult unsupported(void) { return CUDA_ERROR_NOT_SUPPORTED; }
API CUresult cuGetProcAddress_v2(const char *name, void **function, int version, cuuint64_t flags, CUdriverProcAddressQueryResult *found) {
  static const char *suffixes[] = {"_v2", ""};
  Dl_info here;
  dladdr((void *)cuInit, &here);
  void *library = dlopen(here.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  *function = NULL;
  for (size_t i = 0; i < 2 && !*function; i++) {
    char full[128];
    snprintf(full, sizeof full, "%s%s", name, suffixes[i]);
    *function = dlsym(library, full);
  }
  if (!*function && version <= number("cuda", "version", 13000)) *function = (void *)unsupported;
  if (found) *found = *function ? CU_GET_PROC_ADDRESS_SUCCESS : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return *function ? CUDA_SUCCESS : CUDA_ERROR_NOT_FOUND;
}
API CUresult cuGetExportTable(const void **table, const CUuuid *id) { *table = NULL; return CUDA_ERROR_NOT_FOUND; }
