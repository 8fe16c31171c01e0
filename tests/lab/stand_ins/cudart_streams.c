/* The stand-in for libcudart.so.13: streams, events and graphs. All work is done when a call
 * returns; an event is the time at which it was recorded. */
#define _GNU_SOURCE
#include "cudart.h"
#include <stdlib.h>
#include <time.h>

struct CUstream_st { int priority, capturing; };
struct CUevent_st { double recorded_ms; };
struct CUgraph_st { int nodes; };
struct CUgraphExec_st { int nodes; };
static struct CUstream_st default_stream;

static struct CUstream_st *stream_of(cudaStream_t stream) { return (uintptr_t)stream <= 2 ? &default_stream : stream; }
static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

API Error cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) {
  ENTER;
  *stream = calloc(1, sizeof **stream);
  (*stream)->priority = priority;
  return cudaSuccess;
}
API Error cudaStreamCreate(cudaStream_t *stream) { return cudaStreamCreateWithPriority(stream, 0, 0); }
API Error cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags) { return cudaStreamCreateWithPriority(stream, flags, 0); }
API Error cudaStreamDestroy(cudaStream_t stream) { ENTER; if ((uintptr_t)stream > 2) free(stream); return cudaSuccess; }
API Error cudaStreamGetPriority(cudaStream_t stream, int *priority) { ENTER; *priority = stream_of(stream)->priority; return cudaSuccess; }
API Error cudaStreamAddCallback(cudaStream_t stream, cudaStreamCallback_t call, void *data, unsigned flags) { ENTER; call(stream, cudaSuccess, data); return cudaSuccess; }
API Error cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t call, void *data) { ENTER; call(data); return cudaSuccess; }
NOTHING(cudaStreamSynchronize, (cudaStream_t stream))
NOTHING(cudaStreamQuery, (cudaStream_t stream))
NOTHING(cudaStreamWaitEvent, (cudaStream_t stream, cudaEvent_t event, unsigned flags))

API Error cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) { ENTER; *event = calloc(1, sizeof **event); return cudaSuccess; }
API Error cudaEventCreate(cudaEvent_t *event) { return cudaEventCreateWithFlags(event, 0); }
API Error cudaEventDestroy(cudaEvent_t event) { ENTER; free(event); return cudaSuccess; }
API Error cudaEventRecord(cudaEvent_t event, cudaStream_t stream) { ENTER; event->recorded_ms = now_ms(); return cudaSuccess; }
API Error cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream, unsigned flags) { return cudaEventRecord(event, stream); }
API Error cudaEventElapsedTime(float *ms, cudaEvent_t from, cudaEvent_t to) { ENTER; *ms = (float)(to->recorded_ms - from->recorded_ms); return cudaSuccess; }
NOTHING(cudaEventQuery, (cudaEvent_t event))
NOTHING(cudaEventSynchronize, (cudaEvent_t event))

/* ---- captures and graphs ---- */
API Error cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) {
  ENTER;
  if (stream_of(stream) == &default_stream) return keep(cudaErrorStreamCaptureUnsupported);
  stream->capturing = 1;
  return cudaSuccess;
}
API Error cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) {
  ENTER;
  stream_of(stream)->capturing = 0;
  *graph = calloc(1, sizeof **graph);
  return cudaSuccess;
}
API Error cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *status) {
  ENTER;
  *status = stream_of(stream)->capturing ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}
API Error cudaStreamGetCaptureInfo(cudaStream_t stream, enum cudaStreamCaptureStatus *status, unsigned long long *id, cudaGraph_t *graph,
                                   const cudaGraphNode_t **nodes, const cudaGraphEdgeData **edges, size_t *count) {
  static struct CUgraph_st capturing;
  if (id) *id = 1 + (uintptr_t)stream;
  if (graph) *graph = &capturing;
  if (nodes) *nodes = NULL;
  if (edges) *edges = NULL;
  if (count) *count = 0;
  return cudaStreamIsCapturing(stream, status);
}
API Error cudaThreadExchangeStreamCaptureMode(enum cudaStreamCaptureMode *mode) {
  static __thread enum cudaStreamCaptureMode current;
  enum cudaStreamCaptureMode before = current;
  current = *mode;
  *mode = before;
  return cudaSuccess;
}
API Error cudaGraphInstantiateWithFlags(cudaGraphExec_t *executable, cudaGraph_t graph, unsigned long long flags) {
  ENTER;
  *executable = calloc(1, sizeof **executable);
  return cudaSuccess;
}
API Error cudaGraphDestroy(cudaGraph_t graph) { ENTER; free(graph); return cudaSuccess; }
API Error cudaGraphExecDestroy(cudaGraphExec_t executable) { ENTER; free(executable); return cudaSuccess; }
API Error cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) { ENTER; *count = 1; return cudaSuccess; }
API Error cudaGraphNodeGetDependencies(cudaGraphNode_t node, cudaGraphNode_t *on, cudaGraphEdgeData *edges, size_t *count) { ENTER; *count = 0; return cudaSuccess; }
NOTHING(cudaGraphLaunch, (cudaGraphExec_t executable, cudaStream_t stream))
NOTHING(cudaGraphDebugDotPrint, (cudaGraph_t graph, const char *path, unsigned flags))
NOTHING(cudaStreamUpdateCaptureDependencies, (cudaStream_t stream, cudaGraphNode_t *nodes, const cudaGraphEdgeData *edges, size_t count, unsigned flags))
UNSUPPORTED(cudaStreamBeginCaptureToGraph, (cudaStream_t stream, cudaGraph_t graph, const cudaGraphNode_t *on, const cudaGraphEdgeData *edges, size_t count, enum cudaStreamCaptureMode mode))
UNSUPPORTED(cudaGraphAddNode, (cudaGraphNode_t *node, cudaGraph_t graph, const cudaGraphNode_t *on, const cudaGraphEdgeData *edges, size_t count, struct cudaGraphNodeParams *parameters))
UNSUPPORTED(cudaGraphConditionalHandleCreate, (cudaGraphConditionalHandle *handle, cudaGraph_t graph, unsigned value, unsigned flags))
