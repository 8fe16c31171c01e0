/* The stand-in for libcudart.so.13: memory. It is the host's, counted against the device's. */
#define _GNU_SOURCE
#include "cudart.h"
#include "devices.h"
#include <pthread.h>
#include <sys/mman.h>

struct block { uintptr_t start; size_t size; int device; enum cudaMemoryType type; struct block *next; };
static struct block *blocks;
static size_t allocated[64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static Error allocate(void **at, size_t size, enum cudaMemoryType type) {
  int device = current_device();
  size_t rounded = (size + 511) & ~(size_t)511;
  find_devices();
  pthread_mutex_lock(&lock);
  int full = type == cudaMemoryTypeDevice && allocated[device] + rounded > memory_bytes(device) - used_bytes(device);
  if (!full && type == cudaMemoryTypeDevice) allocated[device] += rounded;
  pthread_mutex_unlock(&lock);
  if (full) return keep(cudaErrorMemoryAllocation);
  *at = mmap(NULL, rounded ? rounded : 512, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (*at == MAP_FAILED) return keep(cudaErrorMemoryAllocation);
  struct block *block = malloc(sizeof *block);
  pthread_mutex_lock(&lock);
  *block = (struct block){(uintptr_t)*at, rounded, device, type, blocks};
  blocks = block;
  pthread_mutex_unlock(&lock);
  return cudaSuccess;
}

static Error release(void *at) {
  pthread_mutex_lock(&lock);
  for (struct block **link = &blocks; at && *link; link = &(*link)->next) {
    struct block *block = *link;
    if (block->start != (uintptr_t)at) continue;
    *link = block->next;
    if (block->type == cudaMemoryTypeDevice) allocated[block->device] -= block->size;
    munmap(at, block->size ? block->size : 512);
    free(block);
    break;
  }
  pthread_mutex_unlock(&lock);
  return cudaSuccess;
}

API Error cudaMalloc(void **at, size_t size) { ENTER; return allocate(at, size, cudaMemoryTypeDevice); }
API Error cudaMallocAsync(void **at, size_t size, cudaStream_t stream) { ENTER; return allocate(at, size, cudaMemoryTypeDevice); }
API Error cudaHostAlloc(void **at, size_t size, unsigned flags) { ENTER; return allocate(at, size, cudaMemoryTypeHost); }
API Error cudaFree(void *at) { ENTER; return release(at); }
API Error cudaFreeAsync(void *at, cudaStream_t stream) { ENTER; return release(at); }
API Error cudaFreeHost(void *at) { ENTER; return release(at); }
API Error cudaMemGetInfo(size_t *left, size_t *total) {
  ENTER;
  int device = current_device();
  find_devices();
  *total = memory_bytes(device);
  *left = *total - used_bytes(device) - allocated[device];
  return cudaSuccess;
}
API Error cudaPointerGetAttributes(struct cudaPointerAttributes *found, const void *at) {
  ENTER;
  memset(found, 0, sizeof *found);
  found->type = cudaMemoryTypeUnregistered;
  found->device = -2;
  found->hostPointer = (void *)at;
  pthread_mutex_lock(&lock);
  for (struct block *block = blocks; block; block = block->next)
    if ((uintptr_t)at >= block->start && (uintptr_t)at < block->start + block->size) {
      found->type = block->type;
      found->device = block->device;
      found->devicePointer = (void *)at;
      if (block->type == cudaMemoryTypeDevice) found->hostPointer = NULL;
    }
  pthread_mutex_unlock(&lock);
  return cudaSuccess;
}

/* ---- copies: done when the call returns ---- */
API Error cudaMemset(void *at, int value, size_t size) { ENTER; memset(at, value, size); return cudaSuccess; }
API Error cudaMemsetAsync(void *at, int value, size_t size, cudaStream_t stream) { ENTER; memset(at, value, size); return cudaSuccess; }
API Error cudaMemcpy(void *to, const void *from, size_t size, enum cudaMemcpyKind kind) { ENTER; memcpy(to, from, size); return cudaSuccess; }
API Error cudaMemcpyAsync(void *to, const void *from, size_t size, enum cudaMemcpyKind kind, cudaStream_t stream) { ENTER; memcpy(to, from, size); return cudaSuccess; }
API Error cudaMemcpyPeerAsync(void *to, int to_device, const void *from, int from_device, size_t size, cudaStream_t stream) {
  ENTER;
  memcpy(to, from, size);
  return cudaSuccess;
}
API Error cudaMemcpy2DAsync(void *to, size_t to_pitch, const void *from, size_t from_pitch, size_t width, size_t height, enum cudaMemcpyKind kind, cudaStream_t stream) {
  ENTER;
  for (size_t row = 0; row < height; row++) memcpy((char *)to + row * to_pitch, (const char *)from + row * from_pitch, width);
  return cudaSuccess;
}
NOTHING(cudaMemcpyToSymbol, (const void *symbol, const void *from, size_t size, size_t offset, enum cudaMemcpyKind kind))
API Error cudaGetSymbolAddress(void **at, const void *symbol) { ENTER; return allocate(at, 1 << 16, cudaMemoryTypeDevice); }

/* ---- pools, and what other processes would share ---- */
API Error cudaMemPoolGetAttribute(cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void *value) { ENTER; memset(value, 0, 8); return cudaSuccess; }
NOTHING(cudaHostRegister, (void *at, size_t size, unsigned flags))
NOTHING(cudaHostUnregister, (void *at))
NOTHING(cudaMemPoolSetAttribute, (cudaMemPool_t pool, enum cudaMemPoolAttr attribute, void *value))
NOTHING(cudaMemPoolSetAccess, (cudaMemPool_t pool, const struct cudaMemAccessDesc *list, size_t count))
NOTHING(cudaMemPoolTrimTo, (cudaMemPool_t pool, size_t size))
UNSUPPORTED(cudaIpcGetMemHandle, (cudaIpcMemHandle_t *handle, void *at))
UNSUPPORTED(cudaIpcOpenMemHandle, (void **at, cudaIpcMemHandle_t handle, unsigned flags))
UNSUPPORTED(cudaIpcCloseMemHandle, (void *at))
UNSUPPORTED(cudaIpcGetEventHandle, (cudaIpcEventHandle_t *handle, cudaEvent_t event))
UNSUPPORTED(cudaIpcOpenEventHandle, (cudaEvent_t *event, cudaIpcEventHandle_t handle))
