/* The stand-in for libcudart.so.13: kernels. The program's constructors register them; a launch is
 * counted, may fail as the table says or for want of code for the device, and does nothing. */
#define _GNU_SOURCE
#include "cudart.h"
#include "devices.h"

#define OLDEST_CAPABILITY 75 /* for which PyTorch's CUDA 13 wheels have code */

static Error launched(const char *function) {
  Error error = entered(function);
  if (error) return error;
  find_devices();
  int device = current_device();
  if (attribute_of(device, 75) * 10 + attribute_of(device, 76) < OLDEST_CAPABILITY) return keep(cudaErrorNoKernelImageForDevice);
  int failed = failure("cuda", "launch");
  return keep(failed ? failed : failure(device_section(device), "launch"));
}

API Error cudaLaunchKernel(const void *kernel, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t stream) { return launched(__func__); }
API Error cudaLaunchCooperativeKernel(const void *kernel, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t stream) { return launched(__func__); }
API Error cudaLaunchKernelExC(const cudaLaunchConfig_t *config, const void *kernel, void **arguments) { return launched(__func__); }
NOTHING(cudaFuncSetAttribute, (const void *kernel, enum cudaFuncAttribute attribute, int value))
API Error cudaFuncGetAttributes(struct cudaFuncAttributes *found, const void *kernel) {
  ENTER;
  memset(found, 0, sizeof *found);
  PUT(found, int, cudaFuncAttributes_maxThreadsPerBlock, 1024);
  PUT(found, int, cudaFuncAttributes_numRegs, 32);
  PUT(found, int, cudaFuncAttributes_binaryVersion, 90);
  PUT(found, int, cudaFuncAttributes_maxDynamicSharedSizeBytes, 232448);
  return cudaSuccess;
}
API Error cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *kernel, int threads, size_t shared, unsigned flags) {
  ENTER;
  *blocks = 2048 / (threads > 0 ? threads : 1);
  return cudaSuccess;
}
API Error cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel, int threads, size_t shared) {
  return cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(blocks, kernel, threads, shared, 0);
}

/* ---- libraries of kernels, as cuBLAS and cuDNN load them ---- */
API Error cudaLibraryLoadData(cudaLibrary_t *library, const void *code, enum cudaJitOption *options, void **values, unsigned count,
                              enum cudaLibraryOption *library_options, void **library_values, unsigned library_count) {
  ENTER;
  *library = (cudaLibrary_t)1;
  return cudaSuccess;
}
API Error cudaLibraryGetKernel(cudaKernel_t *kernel, cudaLibrary_t library, const char *name) { ENTER; *kernel = (cudaKernel_t)1; return cudaSuccess; }
NOTHING(cudaLibraryUnload, (cudaLibrary_t library))
NOTHING(cudaKernelSetAttributeForDevice, (cudaKernel_t kernel, enum cudaFuncAttribute attribute, int value, int device))

/* ---- what nvcc's code calls by itself; the headers declare none of it ---- */
API void **__cudaRegisterFatBinary(void *code) { static void *handle; return &handle; }
API void __cudaRegisterFatBinaryEnd(void **handle) {}
API void __cudaUnregisterFatBinary(void **handle) {}
API char __cudaInitModule(void **handle) { return 1; }
API void __cudaRegisterFunction(void **handle, const char *host, char *device, const char *name, int limit, void *thread, void *block_index, void *block, void *grid, int *warp) {}
API void __cudaRegisterVar(void **handle, char *host, char *device, const char *name, int external, size_t size, int constant, int global) {}
static __thread struct { dim3 grid, block; size_t shared; void *stream; } configured[8];
static __thread int configurations;
API unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared, struct CUstream_st *stream) {
  if (configurations >= 8) return 1;
  configured[configurations].grid = grid;
  configured[configurations].block = block;
  configured[configurations].shared = shared;
  configured[configurations++].stream = stream;
  return 0;
}
API Error __cudaPopCallConfiguration(dim3 *grid, dim3 *block, size_t *shared, void *stream) {
  if (!configurations) return keep(cudaErrorInvalidValue);
  configurations--;
  *grid = configured[configurations].grid;
  *block = configured[configurations].block;
  *shared = configured[configurations].shared;
  *(void **)stream = configured[configurations].stream;
  return cudaSuccess;
}
API Error __cudaGetKernel(cudaKernel_t *kernel, const void *host) { *kernel = (cudaKernel_t)host; return cudaSuccess; }
API Error __cudaLaunchKernel(cudaKernel_t kernel, dim3 grid, dim3 block, void **arguments, size_t shared, cudaStream_t stream) { return launched(__func__); }
