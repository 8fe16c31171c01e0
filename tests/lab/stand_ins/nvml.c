/* A stand-in for NVIDIA's libnvidia-ml.so.1: says what the table says of the driver and its GPUs.
 * A value `unsupported` is answered by "Not Supported". Names and numbers are those of the NVML API
 * Reference Guide; the layouts are checked against the Python binding. */
#include "nvml.h"

int nvml_users;

struct memory { unsigned long long total, free, used; };
struct pci { char legacy[16]; unsigned domain, bus, device, id, subsystem; char bus_id[32]; };
struct process { unsigned pid; unsigned long long used; unsigned gpu_instance, compute_instance; };
struct utilization { unsigned gpu, memory; };
LAYOUT(memory, 24); LAYOUT(pci, 68); LAYOUT(process, 24); LAYOUT(utilization, 8);

/* Now, and after the next reset. */
#define MODE(function, key, otherwise) \
  API Return function(void *handle, unsigned *now, unsigned *next) { long long v; ASK(handle, key, otherwise, v); *now = *next = (unsigned)v; return OK; }

/* ---- start and system ---- */
API Return nvmlInitWithFlags(unsigned flags) {
  Return fault = failure("nvml", "nvmlInit");
  if (!fault) nvml_users++;
  return fault;
}
API Return nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
API Return nvmlInit(void) { return nvmlInitWithFlags(0); } /* PyTorch counts GPUs with it */
API Return nvmlShutdown(void) { if (nvml_users) nvml_users--; return OK; }
API const char *nvmlErrorString(Return error) { return "an error of the stand-in"; }
API Return nvmlSystemGetDriverVersion(char *text, unsigned room) { ENTER; SAY(text, room, said("nvml", "driver", "580.65.06")); }
API Return nvmlSystemGetCudaDriverVersion_v2(int *version) { ENTER; *version = (int)number("nvml", "cuda", 13000); return OK; }

/* ---- GPUs ---- */
API Return nvmlDeviceGetCount_v2(unsigned *count) { ENTER; *count = (unsigned)gpu_count(); return OK; }
static Return handle_of(int index, void **handle) {
  if (index < 0 || index >= gpu_count()) return INVALID;
  Return fault = (Return)number(gpu_section(index), "handle", 0);
  if (!fault) *handle = (void *)(size_t)(index + 1);
  return fault;
}
API Return nvmlDeviceGetHandleByIndex_v2(unsigned index, void **handle) { ENTER; return handle_of((int)index, handle); }
API Return nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
  ENTER;
  for (int i = 0; i < gpu_count(); i++) if (!strcmp(gpu_uuid(i), uuid)) return handle_of(i, handle);
  return NOT_FOUND;
}
API Return nvmlDeviceGetHandleByPciBusId_v2(const char *bus_id, void **handle) { ENTER; return handle_of(0, handle); }
API Return nvmlDeviceGetName(void *handle, char *text, unsigned room) { GPU(handle); SAY(text, room, said(gpu_section(index_of(handle)), "name", "STAND-IN H100")); }
API Return nvmlDeviceGetUUID(void *handle, char *text, unsigned room) { GPU(handle); SAY(text, room, gpu_uuid(index_of(handle))); }
API Return nvmlDeviceGetCudaComputeCapability(void *handle, int *major, int *minor) {
  GPU(handle);
  return sscanf(said(gpu_section(index_of(handle)), "capability", "9.0"), "%d.%d", major, minor) == 2 ? OK : INVALID;
}
API Return nvmlDeviceGetMemoryInfo(void *handle, struct memory *memory) {
  long long total, used;
  ASK(handle, "memory_mib", 81559, total);
  ASK(handle, "used_mib", 600, used);
  *memory = (struct memory){(unsigned long long)total << 20, (unsigned long long)(total - used) << 20, (unsigned long long)used << 20};
  return OK;
}
API Return nvmlDeviceGetPciInfo_v3(void *handle, struct pci *pci) {
  GPU(handle);
  memset(pci, 0, sizeof *pci);
  pci->bus = 0x10u + (unsigned)index_of(handle);
  snprintf(pci->legacy, sizeof pci->legacy, "0000:%02X:00.0", pci->bus & 0xff);
  snprintf(pci->bus_id, sizeof pci->bus_id, "00000000:%02X:00.0", pci->bus & 0xff);
  return OK;
}

/* ---- settings and health ---- */
NUMBER(nvmlDeviceGetBrand, "brand", 14)
NUMBER(nvmlDeviceGetComputeMode, "compute_mode", 0)
NUMBER(nvmlDeviceGetPersistenceMode, "persistence", 1)
NUMBER(nvmlDeviceGetMaxMigDeviceCount, "most_slices", 7)
NUMBER(nvmlDeviceGetPowerUsage, "power_mw", 68000)
NUMBER(nvmlDeviceGetEnforcedPowerLimit, "power_limit_mw", 700000)
NUMBER(nvmlDeviceGetPcieReplayCounter, "pcie_replays", 0)
NUMBER(nvmlDeviceGetMaxPcieLinkGeneration, "pcie_generation", 5)
NUMBER(nvmlDeviceGetGpuMaxPcieLinkGeneration, "pcie_gpu_generation", 5)
NUMBER(nvmlDeviceGetCurrPcieLinkWidth, "pcie_width", 16)
NUMBER_OF(nvmlDeviceGetTemperature, "temperature", 33)
NUMBER_OF(nvmlDeviceGetClockInfo, "clock_mhz", 1980)
NUMBER_OF(nvmlDeviceGetMaxClockInfo, "max_clock_mhz", 1980)
MODE(nvmlDeviceGetMigMode, "mig", 0)
MODE(nvmlDeviceGetEccMode, "ecc", 1)
API Return nvmlDeviceGetMigDeviceHandleByIndex(void *handle, unsigned slice, void **found) {
  long long slices;
  ASK(handle, "slices", 0, slices);
  *found = (void *)((size_t)handle | (size_t)(slice + 1) << 8);
  return slice < slices ? OK : NOT_FOUND;
}
API Return nvmlDeviceGetTotalEccErrors(void *handle, unsigned uncorrected, unsigned since, unsigned long long *count) {
  long long errors;
  ASK(handle, uncorrected ? "ecc_uncorrected" : "ecc_corrected", 0, errors);
  *count = (unsigned long long)errors;
  return OK;
}
API Return nvmlDeviceGetRemappedRows(void *handle, unsigned *corrected, unsigned *uncorrected, unsigned *pending, unsigned *failed) {
  long long rows;
  ASK(handle, "rows", 0, rows);
  *corrected = (unsigned)rows;
  *uncorrected = 0;
  ASK(handle, "remap_pending", 0, rows);
  *pending = (unsigned)rows;
  ASK(handle, "remap_failed", 0, rows);
  *failed = (unsigned)rows;
  return OK;
}
static Return reasons(void *handle, const char *function, unsigned long long *mask) {
  long long bits;
  Return fault = ask(handle, function, "throttle", 1, &bits); /* 1: idle */
  if (!fault) *mask = (unsigned long long)bits;
  return fault;
}
API Return nvmlDeviceGetCurrentClocksEventReasons(void *handle, unsigned long long *mask) { return reasons(handle, __func__, mask); }
API Return nvmlDeviceGetCurrentClocksThrottleReasons(void *handle, unsigned long long *mask) { return reasons(handle, __func__, mask); }
API Return nvmlDeviceGetUtilizationRates(void *handle, struct utilization *rates) { GPU(handle); *rates = (struct utilization){0, 0}; return OK; }
static Return processes(void *handle, const char *function, unsigned *count, struct process *list) {
  long long have;
  Return fault = ask(handle, function, "processes", 0, &have);
  if (fault) return fault;
  unsigned room = *count;
  *count = (unsigned)have;
  if (have && (!list || room < have)) return TOO_SMALL;
  for (unsigned i = 0; i < have; i++) list[i] = (struct process){4000 + i, 500ull << 20, ~0u, ~0u};
  return OK;
}
#define PROCESSES(name) API Return name(void *handle, unsigned *count, struct process *list) { return processes(handle, __func__, count, list); }
PROCESSES(nvmlDeviceGetComputeRunningProcesses)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v2)
PROCESSES(nvmlDeviceGetComputeRunningProcesses_v3)

/* PyTorch's allocator looks these up when memory runs out, all of them or none. */
API Return nvmlDeviceGetNvLinkRemoteDeviceType(void *handle, unsigned link, unsigned *type) { GPU(handle); return NOT_SUPPORTED; }
API Return nvmlDeviceGetNvLinkRemotePciInfo_v2(void *handle, unsigned link, struct pci *pci) { GPU(handle); return NOT_SUPPORTED; }
