/* The types of the CUDA driver and runtime that the stand-ins use, as their references document
 * them. tests/lab/test_declarations.py compiles the stand-ins with NVIDIA's own headers instead
 * (NVIDIA_HEADERS), so a type or a prototype that differs is an error there. */
#ifndef CUDA_TYPES_H
#define CUDA_TYPES_H
#include <stddef.h>
#include <stdint.h>

#ifdef NVIDIA_HEADERS
#include <cuda.h>
#include <cuda_runtime_api.h>
#undef cudaStreamGetCaptureInfo
#else
typedef enum cudaError_enum { CUDA_SUCCESS = 0, CUDA_ERROR_INVALID_VALUE = 1, CUDA_ERROR_NOT_INITIALIZED = 3, CUDA_ERROR_NO_DEVICE = 100,
  CUDA_ERROR_INVALID_DEVICE = 101, CUDA_ERROR_INVALID_CONTEXT = 201, CUDA_ERROR_NOT_FOUND = 500, CUDA_ERROR_NOT_SUPPORTED = 801 } CUresult;
typedef enum CUdevice_attribute_enum { CU_DEVICE_ATTRIBUTE_WARP_SIZE = 10 } CUdevice_attribute;
typedef enum CUdriverProcAddressQueryResult_enum { CU_GET_PROC_ADDRESS_SUCCESS = 0, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND = 1 } CUdriverProcAddressQueryResult;
typedef int CUdevice;
typedef struct CUctx_st *CUcontext;
typedef struct CUuuid_st { char bytes[16]; } CUuuid;
typedef uint64_t cuuint64_t;

typedef enum cudaError { cudaSuccess = 0, cudaErrorInvalidValue = 1, cudaErrorMemoryAllocation = 2, cudaErrorInsufficientDriver = 35,
  cudaErrorInvalidDeviceFunction = 98, cudaErrorInvalidDevice = 101, cudaErrorNoKernelImageForDevice = 209, cudaErrorNotSupported = 801,
  cudaErrorStreamCaptureUnsupported = 900 } cudaError_t;
enum cudaDeviceAttr { cudaDevAttrWarpSize = 10 };
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize = 8 };
enum cudaMemcpyKind { cudaMemcpyDefault = 4 };
enum cudaMemoryType { cudaMemoryTypeUnregistered = 0, cudaMemoryTypeHost = 1, cudaMemoryTypeDevice = 2 };
enum cudaMemPoolAttr { cudaMemPoolAttrReleaseThreshold = 4 };
enum cudaStreamCaptureMode { cudaStreamCaptureModeGlobal = 0 };
enum cudaStreamCaptureStatus { cudaStreamCaptureStatusNone = 0, cudaStreamCaptureStatusActive = 1 };
enum cudaDriverEntryPointQueryResult { cudaDriverEntryPointSuccess = 0, cudaDriverEntryPointSymbolNotFound = 1 };
typedef struct CUstream_st *cudaStream_t;
typedef struct CUevent_st *cudaEvent_t;
typedef struct CUmemPoolHandle_st *cudaMemPool_t;
typedef struct CUgraph_st *cudaGraph_t;
typedef struct CUgraphExec_st *cudaGraphExec_t;
typedef struct CUgraphNode_st *cudaGraphNode_t;
typedef struct CUkern_st *cudaKernel_t;
typedef struct CUlib_st *cudaLibrary_t;
typedef unsigned long long cudaGraphConditionalHandle;
struct dim3 { unsigned x, y, z; };
typedef struct dim3 dim3;
typedef struct cudaIpcMemHandle_st { char reserved[64]; } cudaIpcMemHandle_t;
typedef struct cudaIpcEventHandle_st { char reserved[64]; } cudaIpcEventHandle_t;
typedef struct cudaGraphEdgeData_st { unsigned char bytes[8]; } cudaGraphEdgeData;
typedef struct cudaLaunchConfig_st { uint64_t words[7]; } cudaLaunchConfig_t;
struct cudaPointerAttributes { enum cudaMemoryType type; int device; void *devicePointer, *hostPointer; uint64_t reserved[8]; };
struct cudaDeviceProp { uint64_t words[126]; };
struct cudaFuncAttributes { uint64_t words[18]; };
struct cudaMemAccessDesc;
struct cudaGraphNodeParams;
enum cudaJitOption { cudaJitMaxRegisters = 0 };
enum cudaLibraryOption { cudaLibraryHostUniversalFunctionAndDataTable = 0 };
typedef void (*cudaStreamCallback_t)(cudaStream_t stream, cudaError_t status, void *data);
typedef void (*cudaHostFn_t)(void *data);
#endif

/* Where fields stand in the structures that are filled: type, field, offset. */
#define FIELDS(FIELD) \
  FIELD(cudaDeviceProp, uuid, 256) FIELD(cudaDeviceProp, totalGlobalMem, 288) FIELD(cudaDeviceProp, sharedMemPerBlock, 296) \
  FIELD(cudaDeviceProp, regsPerBlock, 304) FIELD(cudaDeviceProp, warpSize, 308) FIELD(cudaDeviceProp, maxThreadsPerBlock, 320) \
  FIELD(cudaDeviceProp, maxThreadsDim, 324) FIELD(cudaDeviceProp, maxGridSize, 336) FIELD(cudaDeviceProp, major, 360) \
  FIELD(cudaDeviceProp, minor, 364) FIELD(cudaDeviceProp, textureAlignment, 368) FIELD(cudaDeviceProp, multiProcessorCount, 384) \
  FIELD(cudaDeviceProp, concurrentKernels, 560) FIELD(cudaDeviceProp, pciBusID, 568) FIELD(cudaDeviceProp, unifiedAddressing, 588) \
  FIELD(cudaDeviceProp, l2CacheSize, 596) FIELD(cudaDeviceProp, maxThreadsPerMultiProcessor, 604) \
  FIELD(cudaDeviceProp, sharedMemPerMultiprocessor, 624) FIELD(cudaDeviceProp, regsPerMultiprocessor, 632) \
  FIELD(cudaDeviceProp, sharedMemPerBlockOptin, 672) FIELD(cudaDeviceProp, maxBlocksPerMultiProcessor, 688) \
  FIELD(cudaFuncAttributes, maxThreadsPerBlock, 24) FIELD(cudaFuncAttributes, numRegs, 28) \
  FIELD(cudaFuncAttributes, binaryVersion, 36) FIELD(cudaFuncAttributes, maxDynamicSharedSizeBytes, 44)
#define AS_CONSTANT(type, field, offset) type##_##field = offset,
enum { FIELDS(AS_CONSTANT) };
#define PUT(structure, kind, field, value) (*(kind *)((char *)(structure) + (field)) = (value))

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type);
SIZE(CUuuid, 16) SIZE(struct cudaDeviceProp, 1008) SIZE(struct cudaPointerAttributes, 88) SIZE(struct cudaFuncAttributes, 144)
SIZE(cudaIpcMemHandle_t, 64) SIZE(cudaIpcEventHandle_t, 64) SIZE(cudaGraphEdgeData, 8) SIZE(cudaLaunchConfig_t, 56) SIZE(dim3, 12)
#define OFFSET(type, field, offset) _Static_assert(offsetof(struct type, field) == (offset), #type "." #field);
OFFSET(cudaPointerAttributes, device, 4) OFFSET(cudaPointerAttributes, devicePointer, 8) OFFSET(cudaPointerAttributes, hostPointer, 16)
#ifdef NVIDIA_HEADERS
FIELDS(OFFSET)
#endif
#endif
