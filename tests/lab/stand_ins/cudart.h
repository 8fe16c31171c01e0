/* What the parts of the stand-in for libcudart.so.13 share. */
#ifndef CUDART_H
#define CUDART_H
#include "cuda_types.h"

#define API __attribute__((visibility("default")))
typedef cudaError_t Error;

/* Keep an error as the last one, and for good where it ends the context; return it. */
Error keep(int error);
/* Return the error of this call: CUDA does not start, an earlier error ended it, or the table has one. */
Error entered(const char *function);
/* Return the driver's function of this name, or NULL. */
void *driver_function(const char *name);
int current_device(void);

#define ENTER do { Error error = entered(__func__); if (error) return error; } while (0)
/* A function that does nothing, and one that is not supported. */
#define NOTHING(name, parameters) API Error name parameters { ENTER; return cudaSuccess; }
#define UNSUPPORTED(name, parameters) API Error name parameters { ENTER; return keep(cudaErrorNotSupported); }
#endif
