/*
 * Loads a .snn spiking network and runs it.
 *
 *     snnc_error error;
 *     snnc_network *network;
 *     snnc_outcome *outcome;
 *     if (snnc_load("model.snn", &network, &error) != SNNC_STATUS_OK) { fprintf(stderr, "%s\n", error.message); exit(1); }
 *     if (snnc_run_pixels(network, pixels, 32 * 32 * 3, 32, 32, 3, 0, 0, &outcome, &error) == SNNC_STATUS_OK) {
 *         printf("class %zu\n", snnc_outcome_predictions(outcome, NULL)[0]);
 *         snnc_outcome_free(outcome);
 *     }
 *     snnc_network_free(network);
 *
 * Errors. What can fail returns a status, and says what is wrong in an snnc_error of the caller, for which NULL may be
 * passed; no function keeps a last error, so threads cannot disturb each other. A result is NULL after a failure. A NULL
 * pointer where there must be none, a length that does not fit and a pointer that is not aligned are errors. What cannot
 * be checked is that a pointer is NULL or valid: memory of at least the length that is said, or what this library made
 * and did not free. No Rust panic leaves a function: it is SNNC_STATUS_BUG. If memory runs out, the process ends.
 *
 * Ownership. Who gets a network, outcome, trace or keys frees them with the function of their name; NULL may be freed.
 * Pointers into one are valid until it is freed. Outcomes and traces stay valid without their network.
 *
 * Threads. Every function may be called from any thread. Several threads may use one network, outcome or trace at the
 * same time, and load with one set of keys, once all are in it; only freeing must be the last that is done with it. A network has threads of its own to run on, started
 * by the first run and ended by snnc_network_free.
 */

#ifndef SNNC_H
#define SNNC_H

/* Made by cbindgen from capi/src; by capi/header. Not to be edited by hand. */

#include <stddef.h>
#include <stdint.h>

/**
 * Size of snnc_error.message.
 */
#define SNNC_MESSAGE_SIZE 1024

/**
 * Most dimensions of an input.
 */
#define SNNC_MAX_RANK 8

/**
 * What a call came to.
 */
typedef enum {
    /**
     * Done.
     */
    SNNC_STATUS_OK = 0,
    /**
     * A pointer is NULL or not aligned, or a length or index does not fit.
     */
    SNNC_STATUS_ARGUMENT = 1,
    /**
     * The file cannot be read.
     */
    SNNC_STATUS_FILE = 2,
    /**
     * The bytes are no artifact that this version can run.
     */
    SNNC_STATUS_ARTIFACT = 3,
    /**
     * The network does not run on these images, or for so many time steps.
     */
    SNNC_STATUS_RUN = 4,
    /**
     * Threads cannot be started.
     */
    SNNC_STATUS_THREADS = 5,
    /**
     * A bug of the library.
     */
    SNNC_STATUS_BUG = 6,
    /**
     * The file is encrypted or not signed as required, and the keys do not open it; or a key is none.
     */
    SNNC_STATUS_KEYS = 7,
} snnc_status;

/**
 * What the dimensions of an input mean.
 */
typedef enum {
    /**
     * Batch, channels, height, width; or batch, channels, length.
     */
    SNNC_LAYOUT_NCHW = 0,
    /**
     * Batch, height, width, channels; or batch, length, channels.
     */
    SNNC_LAYOUT_NHWC = 1,
    /**
     * Batch, features.
     */
    SNNC_LAYOUT_FLAT = 2,
} snnc_layout;

/**
 * What spikes stand for.
 */
typedef enum {
    /**
     * For digits of numbers. A network runs for its own number of time steps, and no other.
     */
    SNNC_CODE_RADIX = 0,
    /**
     * For a share of a number each.
     */
    SNNC_CODE_RATE = 1,
} snnc_code;

/**
 * How the numbers that an image is read as come in.
 */
typedef enum {
    /**
     * As streams of digits, in the radix code.
     */
    SNNC_CODING_DIGITS = 0,
    /**
     * As constant currents, in the rate code.
     */
    SNNC_CODING_DIRECT = 1,
    /**
     * As random spikes, in the rate code.
     */
    SNNC_CODING_POISSON = 2,
} snnc_coding;

/**
 * What the source network did to its output. Logits have it only if it is SNNC_HEAD_RELU; no other changes what class
 * is the largest.
 */
typedef enum {
    /**
     * Nothing.
     */
    SNNC_HEAD_NONE = 0,
    /**
     * max(x, 0).
     */
    SNNC_HEAD_RELU = 1,
    /**
     * Softmax over the classes.
     */
    SNNC_HEAD_SOFTMAX = 2,
    /**
     * Its logarithm.
     */
    SNNC_HEAD_LOG_SOFTMAX = 3,
    /**
     * 1 / (1 + exp(-x)) of every class by itself.
     */
    SNNC_HEAD_SIGMOID = 4,
} snnc_head;

/**
 * What makes spikes.
 */
typedef enum {
    /**
     * Neurons.
     */
    SNNC_POPULATION_KIND_NEURONS = 0,
    /**
     * A max pooling of spikes in the rate code.
     */
    SNNC_POPULATION_KIND_COUNT_MAX_POOL = 1,
    /**
     * A max pooling of digits in the radix code.
     */
    SNNC_POPULATION_KIND_DIGIT_MAX_POOL = 2,
    /**
     * The input.
     */
    SNNC_POPULATION_KIND_INPUT = 3,
} snnc_population_kind;

/**
 * What the operand of a layer carries.
 */
typedef enum {
    /**
     * What follows from the constant image alone: one multiplication for a connection and image.
     */
    SNNC_DRIVE_ANALOG = 0,
    /**
     * Spikes: one accumulation for a spike and connection.
     */
    SNNC_DRIVE_SPIKES = 1,
    /**
     * Currents: one multiplication for a connection and time step.
     */
    SNNC_DRIVE_CURRENT = 2,
} snnc_drive;

/**
 * Keys: what opens encrypted networks, and whose networks must be. Nothing of them is ever in a message, and they are wiped
 * when they are freed.
 */
typedef struct snnc_keys snnc_keys;

/**
 * A network that is ready to run.
 */
typedef struct snnc_network snnc_network;

/**
 * What a network made of some images.
 */
typedef struct snnc_outcome snnc_outcome;

/**
 * Every spike that a network made of some images.
 */
typedef struct snnc_trace snnc_trace;

/**
 * What went wrong. Memory of the caller, which needs no preparation and nothing freed.
 */
typedef struct {
    /**
     * What the function returned.
     */
    snnc_status status;
    /**
     * One line of UTF-8 that ends with a zero byte: "" if all went well. What is longer is cut and ends with "...".
     */
    char message[SNNC_MESSAGE_SIZE];
} snnc_error;

/**
 * What a network reads, and its sizes.
 */
typedef struct {
    /**
     * Number of dimensions of the input, the batch included.
     */
    size_t rank;
    /**
     * The dimensions; the first is the batch and 1, those behind the rank are 0.
     */
    size_t shape[SNNC_MAX_RANK];
    /**
     * What they mean.
     */
    snnc_layout layout;
    /**
     * Number of values of an image: the product of the dimensions.
     */
    size_t image_len;
    /**
     * Rows of an image that snnc_run_pixels takes: 1 for signals and vectors.
     */
    size_t height;
    /**
     * Its columns.
     */
    size_t width;
    /**
     * Its channels. (Of a vector, other heights, widths and channels will do that have its length for a product.)
     */
    size_t channels;
    /**
     * Number of logits of an image.
     */
    size_t classes;
    /**
     * What spikes stand for.
     */
    snnc_code code;
    /**
     * The network's own number of time steps; in the radix code the digits of its longest window.
     */
    size_t timesteps;
    /**
     * Most time steps that it can run.
     */
    size_t max_timesteps;
    /**
     * How images come in.
     */
    snnc_coding coding;
    /**
     * Binary digits of the numbers that the values of an image are read as.
     */
    size_t digits;
    /**
     * What the source network did to its output.
     */
    snnc_head head;
    /**
     * Number of populations: of what makes spikes.
     */
    size_t populations;
    /**
     * Number of layers: of what has synapses.
     */
    size_t layers;
    /**
     * Number of threads that it runs on.
     */
    size_t threads;
    /**
     * Name and version of the compiler.
     */
    const char *compiler;
} snnc_description;

/**
 * Something that makes spikes.
 */
typedef struct {
    /**
     * The node of the file, or the input.
     */
    const char *name;
    /**
     * What it is.
     */
    snnc_population_kind kind;
    /**
     * Number of entries for one image.
     */
    size_t size;
    /**
     * Digits of its window; 0 in the rate code, where a window is as long as the run.
     */
    size_t digits;
} snnc_population;

/**
 * Something that has synapses.
 */
typedef struct {
    /**
     * The node of the file.
     */
    const char *name;
    /**
     * What its operand carries.
     */
    snnc_drive drive;
    /**
     * Connections from operand to result.
     */
    uint64_t connections;
    /**
     * 1 if no neuron lies before it, else 0.
     */
    uint8_t is_input;
    /**
     * Digits of the window of its operand; 0 in the rate code.
     */
    size_t digits;
} snnc_layer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Version of the library, such as "0.1.0". Never NULL; not to be freed.
 */
const char *snnc_version(void);

/**
 * The version of the .snn format that the library reads; it reads no other.
 */
uint64_t snnc_format_version(void);

/**
 * Loads a network from a file.
 *
 * `path`: where it is, in the encoding of the system (UTF-8 on Windows).
 * `network`: receives the network, to be freed with snnc_network_free.
 */
snnc_status snnc_load(const char *path, snnc_network **network, snnc_error *error);

/**
 * Loads a network from the bytes of a file, which are not needed afterwards.
 *
 * `bytes`, `len`: the bytes and their number.
 * `network`: receives the network, to be freed with snnc_network_free.
 */
snnc_status snnc_load_bytes(const uint8_t *bytes, size_t len, snnc_network **network, snnc_error *error);

/**
 * Ends the threads of a network and frees it.
 */
void snnc_network_free(snnc_network *network);

/**
 * Sets how many threads the network runs on: 0 for as many as the process may use processors, which is the case at
 * first. Results do not depend on it. Runs that have begun end as they began.
 */
snnc_status snnc_set_threads(const snnc_network *network,
                             size_t threads,
                             snnc_error *error);

/**
 * Makes a set of keys, empty at first: it opens what is not encrypted, and requires nothing.
 *
 * `keys`: receives it, to be freed with snnc_keys_free.
 */
snnc_status snnc_keys_new(snnc_keys **keys, snnc_error *error);

/**
 * Adds the identities of age in the content of a key file, as `age-keygen` writes it, to those that open networks.
 *
 * `text`: the content; the caller wipes it.
 */
snnc_status snnc_keys_add_identities(snnc_keys *keys,
                                     const char *text,
                                     snnc_error *error);

/**
 * Adds a passphrase to what opens networks.
 *
 * `text`: the passphrase; the caller wipes it.
 */
snnc_status snnc_keys_add_passphrase(snnc_keys *keys, const char *text, snnc_error *error);

/**
 * Demands that networks are signed with a key of minisign, encrypted or not.
 *
 * `public_key`: the content of the file of the public key, or the line of it that begins with `RW`.
 */
snnc_status snnc_keys_require_signature(snnc_keys *keys, const char *public_key, snnc_error *error);

/**
 * Loads a network from a file that is encrypted, or must be signed. It is opened in memory; its signature is read from the
 * file with `.minisig` behind its name.
 *
 * `path`: where it is, in the encoding of the system (UTF-8 on Windows).
 * `keys`: what opens it, and whose it must be. Not needed afterwards.
 * `network`: receives the network, to be freed with snnc_network_free.
 */
snnc_status snnc_load_with(const char *path,
                           const snnc_keys *keys,
                           snnc_network **network,
                           snnc_error *error);

/**
 * Loads a network from the bytes of a file that is encrypted, or must be signed.
 *
 * `bytes`, `len`: the bytes and their number. Not needed afterwards.
 * `signature`: the content of the file of its signature, or NULL where none is required.
 * `keys`, `network`: as of snnc_load_with.
 */
snnc_status snnc_load_bytes_with(const uint8_t *bytes,
                                 size_t len,
                                 const char *signature,
                                 const snnc_keys *keys,
                                 snnc_network **network,
                                 snnc_error *error);

/**
 * Wipes and frees keys.
 */
void snnc_keys_free(snnc_keys *keys);

/**
 * Describes a network.
 *
 * `description`: is filled. Its pointer is valid until the network is freed.
 * `size`: sizeof *description. Later versions of this library add fields at the end; by the size they know what to fill.
 */
snnc_status snnc_describe(const snnc_network *network,
                          snnc_description *description,
                          size_t size,
                          snnc_error *error);

/**
 * Describes what makes spikes, by its index below snnc_description.populations; the name is valid until the network is
 * freed. `size` is sizeof *population, as of snnc_describe.
 */
snnc_status snnc_describe_population(const snnc_network *network,
                                     size_t index,
                                     snnc_population *population,
                                     size_t size,
                                     snnc_error *error);

/**
 * Describes what has synapses, by its index below snnc_description.layers; the name is valid until the network is
 * freed. `size` is sizeof *layer, as of snnc_describe.
 */
snnc_status snnc_describe_layer(const snnc_network *network,
                                size_t index,
                                snnc_layer *layer,
                                size_t size,
                                snnc_error *error);

/**
 * Runs images of floats.
 *
 * `images`, `len`: the values of all images, one image after the other in the layout of the network, in the units of
 * the source network (pixels that were normalised as for it), and their number: a multiple of
 * snnc_description.image_len.
 * `timesteps`: for how long; 0 for the network's own number.
 * `first_image`: number of the first image among those that are to have random spikes of their own. Without
 * SNNC_CODING_POISSON it has no effect.
 * `outcome`: receives the outcome, to be freed with snnc_outcome_free.
 */
snnc_status snnc_run(const snnc_network *network,
                     const float *images,
                     size_t len,
                     size_t timesteps,
                     uint64_t first_image,
                     snnc_outcome **outcome,
                     snnc_error *error);

/**
 * Runs images of 8 bits a channel, which the network normalises as its compilation was told.
 *
 * `pixels`, `len`: [images, height, width, channels], the channels of a pixel together, and their number: a multiple of
 * the product of the three. Gray images have one channel.
 * `height`, `width`, `channels`: the size of an image; see snnc_description.
 * `timesteps`, `first_image`, `outcome`: as of snnc_run.
 */
snnc_status snnc_run_pixels(const snnc_network *network,
                            const uint8_t *pixels,
                            size_t len,
                            size_t height,
                            size_t width,
                            size_t channels,
                            size_t timesteps,
                            uint64_t first_image,
                            snnc_outcome **outcome,
                            snnc_error *error);

/**
 * Number of images of an outcome; 0 for NULL.
 */
size_t snnc_outcome_images(const snnc_outcome *outcome);

/**
 * Number of time steps of an outcome; 0 for NULL.
 */
size_t snnc_outcome_timesteps(const snnc_outcome *outcome);

/**
 * [images, classes]: what the last layer read out. Valid until the outcome is freed; NULL for NULL.
 *
 * `len`: receives the number of values, unless it is NULL.
 */
const float *snnc_outcome_logits(const snnc_outcome *outcome, size_t *len);

/**
 * [images]: the class of each, which is that of the largest logit, the first of several. As snnc_outcome_logits.
 */
const size_t *snnc_outcome_predictions(const snnc_outcome *outcome,
                                       size_t *len);

/**
 * [images, populations]: how often the entries of each population have fired. As snnc_outcome_logits.
 */
const uint64_t *snnc_outcome_spikes(const snnc_outcome *outcome, size_t *len);

/**
 * [images, populations]: how many of these spikes were corrections, -1, of neurons with signed spikes. As
 * snnc_outcome_logits.
 */
const uint64_t *snnc_outcome_corrections(const snnc_outcome *outcome, size_t *len);

/**
 * [images, layers]: accumulations of each layer that spikes drive, 0 of others. As snnc_outcome_logits.
 */
const uint64_t *snnc_outcome_synaptic_ops(const snnc_outcome *outcome, size_t *len);

/**
 * Frees an outcome.
 */
void snnc_outcome_free(snnc_outcome *outcome);

/**
 * Runs images of floats as snnc_run does, and keeps every spike. All images run together: memory grows with their number,
 * that of the time steps, and the size of the network.
 *
 * `trace`: receives the trace, to be freed with snnc_trace_free. All else is as of snnc_run.
 */
snnc_status snnc_trace_run(const snnc_network *network,
                           const float *images,
                           size_t len,
                           size_t timesteps,
                           uint64_t first_image,
                           snnc_trace **trace,
                           snnc_error *error);

/**
 * Runs images of 8 bits a channel as snnc_run_pixels does, and keeps every spike; see snnc_trace_run.
 */
snnc_status snnc_trace_run_pixels(const snnc_network *network,
                                  const uint8_t *pixels,
                                  size_t len,
                                  size_t height,
                                  size_t width,
                                  size_t channels,
                                  size_t timesteps,
                                  uint64_t first_image,
                                  snnc_trace **trace,
                                  snnc_error *error);

/**
 * What the run came to. Valid until the trace is freed, and not to be freed by itself; NULL for NULL.
 */
const snnc_outcome *snnc_trace_outcome(const snnc_trace *trace);

/**
 * [steps, images, entries]: the spikes of a population, -1, 0 or 1. In the radix code a step is a digit of the
 * population's own window, most significant first. Valid until the trace is freed; NULL if there is no such population.
 *
 * `population`: its index, see snnc_describe_population.
 * `steps`, `images`, `entries`: receive the three sizes, unless they are NULL.
 */
const int8_t *snnc_trace_spikes(const snnc_trace *trace,
                                size_t population,
                                size_t *steps,
                                size_t *images,
                                size_t *entries);

/**
 * Frees a trace, with its outcome.
 */
void snnc_trace_free(snnc_trace *trace);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SNNC_H */
