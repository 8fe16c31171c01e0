/* A stand-in for libcudart.so.13, as far as PyTorch needs one. This part: start, errors, devices.
 *
 * The real runtime shakes hands with the driver by private tables as soon as cuInit succeeds; this
 * one does not, so that CUDA can start without a GPU. Kernels do nothing. */
#define _GNU_SOURCE
#include "cudart.h"
#include "devices.h"
#include <dlfcn.h>
#include <pthread.h>

static __thread Error last;
static __thread int device;
static Error ended; /* by this error: the context, and so the process, is lost */

void *driver_function(const char *name) {
  static void *driver;
  if (!driver) driver = dlopen("libcuda.so.1", RTLD_NOW);
  return driver ? dlsym(driver, name) : NULL;
}

static int ends_the_context(int error) {
  return error == 46 || error == 214 || error == 220 || error == 226 || error == 700 || error == 702 || error == 710 ||
         (error >= 714 && error <= 719) || error == 999;
}

Error keep(int error) {
  if (ends_the_context(error)) ended = (Error)error;
  if (error) last = (Error)error;
  return (Error)error;
}

static Error start(void) {
  CUresult (*init)(unsigned) = (CUresult(*)(unsigned))driver_function("cuInit");
  CUresult (*version_of)(int *) = (CUresult(*)(int *))driver_function("cuDriverGetVersion");
  int version = 0;
  if (!init || !version_of || version_of(&version) || version < 13000) return cudaErrorInsufficientDriver;
  Error error = (Error)init(0);
  find_devices();
  return error;
}

static Error begun(void) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static int tried;
  static Error started;
  pthread_mutex_lock(&lock);
  if (!tried) started = start();
  tried = 1;
  pthread_mutex_unlock(&lock);
  return started;
}

Error entered(const char *function) {
  Error error = begun();
  if (error) return keep(error);
  if (ended) return keep(ended);
  int failed = failure("cuda", function);
  return keep(failed ? failed : failure(device_section(device), function));
}

int current_device(void) { return device; }

/* ---- errors ---- */
static const struct { int code; const char *words; } ERRORS[] = {
  {0, "no error"}, {1, "invalid argument"}, {2, "out of memory"}, {3, "initialization error"},
  {34, "CUDA driver is a stub library"}, {35, "CUDA driver version is insufficient for CUDA runtime version"},
  {36, "API call is not supported in the installed CUDA driver"},
  {46, "CUDA-capable device(s) is/are busy or unavailable"}, {98, "invalid device function"},
  {100, "no CUDA-capable device is detected"}, {101, "invalid device ordinal"}, {102, "device doesn't have valid Grid license"},
  {209, "no kernel image is available for execution on the device"}, {214, "uncorrectable ECC error encountered"},
  {304, "OS call failed or operation not supported on this OS"}, {700, "an illegal memory access was encountered"},
  {702, "the launch timed out and was terminated"}, {719, "unspecified launch failure"}, {800, "operation not permitted"},
  {801, "operation not supported"}, {802, "system not yet initialized"},
  {803, "system has unsupported display driver / cuda driver combination"},
  {804, "forward compatibility was attempted on non supported HW"},
  {805, "MPS client failed to connect to the MPS control daemon or the MPS server"},
  {900, "operation not permitted when stream is capturing"}, {999, "unknown error"},
};
API const char *cudaGetErrorString(Error error) {
  for (size_t i = 0; i < sizeof ERRORS / sizeof *ERRORS; i++) if (ERRORS[i].code == (int)error) return ERRORS[i].words;
  return "an error that the stand-in has no words for";
}
API const char *cudaGetErrorName(Error error) { return "cudaErrorOfTheStandIn"; }
API Error cudaGetLastError(void) { Error error = last; last = cudaSuccess; return error; }
API Error cudaPeekAtLastError(void) { return last; }
API Error cudaRuntimeGetVersion(int *version) { *version = 13000; return cudaSuccess; }
API Error cudaDriverGetVersion(int *version) {
  CUresult (*version_of)(int *) = (CUresult(*)(int *))driver_function("cuDriverGetVersion");
  *version = 0;
  return version_of ? (Error)version_of(version) : cudaSuccess;
}

/* ---- devices ---- */
#define DEVICE(index) do { ENTER; if ((index) < 0 || (index) >= visible_count) return keep(cudaErrorInvalidDevice); } while (0)

API Error cudaGetDeviceCount(int *count) { *count = 0; ENTER; *count = visible_count; return cudaSuccess; }
API Error cudaGetDevice(int *found) { Error error = begun(); *found = device; return keep(error); }
API Error cudaSetDevice(int index) {
  Error error = begun();
  if (error) return keep(error);
  if (index < 0 || index >= visible_count) return keep(cudaErrorInvalidDevice);
  device = index;
  return entered(__func__);
}
API Error cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attribute, int index) {
  DEVICE(index);
  *value = attribute_of(index, (int)attribute);
  return cudaSuccess;
}
API Error cudaDeviceGetPCIBusId(char *text, int room, int index) {
  DEVICE(index);
  snprintf(text, (size_t)room, "0000:%02x:00.0", attribute_of(index, 33));
  return cudaSuccess;
}
API Error cudaDeviceCanAccessPeer(int *can, int from, int to) { DEVICE(from); DEVICE(to); *can = (int)number("cuda", "peer", 1); return cudaSuccess; }
API Error cudaDeviceGetStreamPriorityRange(int *least, int *most) { ENTER; if (least) *least = 0; if (most) *most = -5; return cudaSuccess; }
API Error cudaDeviceGetDefaultMemPool(cudaMemPool_t *pool, int index) { DEVICE(index); *pool = (cudaMemPool_t)&visible[index]; return cudaSuccess; }
NOTHING(cudaDeviceSynchronize, (void))
NOTHING(cudaDeviceEnablePeerAccess, (int peer, unsigned flags))
NOTHING(cudaProfilerStart, (void))
NOTHING(cudaProfilerStop, (void))

API Error cudaGetDeviceProperties(struct cudaDeviceProp *found, int index) {
  DEVICE(index);
  memset(found, 0, sizeof *found);
  snprintf((char *)found, 256, "%s", said(device_section(index), "name", "STAND-IN H100"));
  uuid_of(index, (char *)found + cudaDeviceProp_uuid);
  PUT(found, size_t, cudaDeviceProp_totalGlobalMem, memory_bytes(index));
  PUT(found, size_t, cudaDeviceProp_sharedMemPerBlock, (size_t)attribute_of(index, 8));
  PUT(found, size_t, cudaDeviceProp_textureAlignment, 512);
  PUT(found, size_t, cudaDeviceProp_sharedMemPerMultiprocessor, (size_t)attribute_of(index, 81));
  PUT(found, size_t, cudaDeviceProp_sharedMemPerBlockOptin, (size_t)attribute_of(index, 97));
  const struct { int offset, value; } numbers[] = {
    {cudaDeviceProp_regsPerBlock, attribute_of(index, 12)}, {cudaDeviceProp_warpSize, 32}, {cudaDeviceProp_maxThreadsPerBlock, 1024},
    {cudaDeviceProp_major, attribute_of(index, 75)}, {cudaDeviceProp_minor, attribute_of(index, 76)},
    {cudaDeviceProp_multiProcessorCount, attribute_of(index, 16)}, {cudaDeviceProp_concurrentKernels, 1},
    {cudaDeviceProp_pciBusID, attribute_of(index, 33)}, {cudaDeviceProp_unifiedAddressing, 1},
    {cudaDeviceProp_l2CacheSize, attribute_of(index, 38)}, {cudaDeviceProp_maxThreadsPerMultiProcessor, 2048},
    {cudaDeviceProp_regsPerMultiprocessor, 65536}, {cudaDeviceProp_maxBlocksPerMultiProcessor, 32},
  };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) PUT(found, int, numbers[i].offset, numbers[i].value);
  for (int i = 0; i < 3; i++) {
    PUT(found, int, cudaDeviceProp_maxThreadsDim + 4 * i, attribute_of(index, 2 + i));
    PUT(found, int, cudaDeviceProp_maxGridSize + 4 * i, attribute_of(index, 5 + i));
  }
  return cudaSuccess;
}

static CUresult unsupported(void) { return CUDA_ERROR_NOT_SUPPORTED; }
API Error cudaGetDriverEntryPointByVersion(const char *name, void **function, unsigned version, unsigned long long flags, enum cudaDriverEntryPointQueryResult *found) {
  CUresult (*ask)(const char *, void **, int, cuuint64_t, CUdriverProcAddressQueryResult *) = NULL;
  *(void **)&ask = driver_function("cuGetProcAddress_v2");
  *function = NULL;
  if (ask) ask(name, function, (int)version, 0, NULL);
  if (!*function) *function = (void *)unsupported;
  if (found) *found = cudaDriverEntryPointSuccess;
  return cudaSuccess;
}
