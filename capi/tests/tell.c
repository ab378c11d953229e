/*
 * Prints all that the library says of a network and of some images, a line each, for tests/c.rs to compare with the runtime.
 *
 *     tell MODEL.snn IMAGES.f32 PIXELS.u8 HEIGHT WIDTH CHANNELS TIMESTEPS FIRST_IMAGE
 */
#include <snnc.h>
#include <stdio.h>
#include <stdlib.h>

static snnc_error error;

static void must(snnc_status status, const char *what) {
    if (status != SNNC_STATUS_OK || error.status != SNNC_STATUS_OK || error.message[0] != 0) {
        fprintf(stderr, "%s: %d %s\n", what, (int)status, error.message);
        exit(1);
    }
}

static void *whole_file(const char *path, size_t *len) {
    FILE *file = fopen(path, "rb");
    char *bytes = malloc(1 << 22);
    if (file == NULL || bytes == NULL) exit(3);
    *len = fread(bytes, 1, 1 << 22, file);
    fclose(file);
    return bytes;
}

static void counts(const char *name, const uint64_t *values, size_t len) {
    size_t i;
    printf("%s", name);
    for (i = 0; i < len; i++) printf(" %lu", (unsigned long)values[i]);
    printf("\n");
}

static void tell(const snnc_outcome *outcome) {
    size_t i, len;
    const float *logits = snnc_outcome_logits(outcome, &len);
    const size_t *predictions;
    const uint64_t *values;
    printf("outcome %lu %lu\nlogits", (unsigned long)snnc_outcome_images(outcome), (unsigned long)snnc_outcome_timesteps(outcome));
    for (i = 0; i < len; i++) printf(" %.9g", logits[i]);
    predictions = snnc_outcome_predictions(outcome, &len);
    printf("\npredictions");
    for (i = 0; i < len; i++) printf(" %lu", (unsigned long)predictions[i]);
    printf("\n");
    values = snnc_outcome_spikes(outcome, &len);
    counts("spikes", values, len);
    values = snnc_outcome_corrections(outcome, &len);
    counts("corrections", values, len);
    values = snnc_outcome_synaptic_ops(outcome, &len);
    counts("synaptic_ops", values, len);
}

int main(int argc, char **argv) {
    snnc_network *network;
    snnc_description about;
    snnc_outcome *outcome;
    snnc_trace *trace;
    size_t i, images_len, pixels_len, height, width, channels, timesteps, first;
    float *images;
    unsigned char *pixels;
    if (argc != 9) return 2;
    images = whole_file(argv[2], &images_len);
    pixels = whole_file(argv[3], &pixels_len);
    images_len /= sizeof *images;
    height = strtoul(argv[4], NULL, 10);
    width = strtoul(argv[5], NULL, 10);
    channels = strtoul(argv[6], NULL, 10);
    timesteps = strtoul(argv[7], NULL, 10);
    first = strtoul(argv[8], NULL, 10);

    must(snnc_load(argv[1], &network, &error), "load");
    must(snnc_describe(network, &about, sizeof about, &error), "describe");
    printf("input");
    for (i = 0; i < about.rank; i++) printf(" %lu", (unsigned long)about.shape[i]);
    printf("\nlayout %d\nimage %lu %lu %lu %lu\n", (int)about.layout, (unsigned long)about.image_len, (unsigned long)about.height,
           (unsigned long)about.width, (unsigned long)about.channels);
    printf("classes %lu\ncode %d\ntimesteps %lu %lu\ncoding %d %lu\nhead %d\ncompiler %s\n", (unsigned long)about.classes, (int)about.code,
           (unsigned long)about.timesteps, (unsigned long)about.max_timesteps, (int)about.coding, (unsigned long)about.digits,
           (int)about.head, about.compiler);
    for (i = 0; i < about.populations; i++) {
        snnc_population population;
        must(snnc_describe_population(network, i, &population, sizeof population, &error), "population");
        printf("population %s %d %lu %lu\n", population.name, (int)population.kind, (unsigned long)population.size,
               (unsigned long)population.digits);
    }
    for (i = 0; i < about.layers; i++) {
        snnc_layer layer;
        must(snnc_describe_layer(network, i, &layer, sizeof layer, &error), "layer");
        printf("layer %s %d %lu %d %lu\n", layer.name, (int)layer.drive, (unsigned long)layer.connections, (int)layer.is_input,
               (unsigned long)layer.digits);
    }

    must(snnc_set_threads(network, 2, &error), "threads");
    must(snnc_run(network, images, images_len, timesteps, first, &outcome, &error), "run");
    tell(outcome);
    snnc_outcome_free(outcome);
    must(snnc_set_threads(network, 1, &error), "threads");
    must(snnc_run_pixels(network, pixels, pixels_len, height, width, channels, timesteps, first, &outcome, &error), "run_pixels");
    tell(outcome);
    snnc_outcome_free(outcome);
    must(snnc_trace_run(network, images, images_len, timesteps, first, &trace, &error), "trace_run");
    snnc_trace_free(trace);
    must(snnc_trace_run_pixels(network, pixels, pixels_len, height, width, channels, timesteps, first, &trace, &error), "trace_run_pixels");
    /* A trace is valid without its network. */
    snnc_network_free(network);
    tell(snnc_trace_outcome(trace));
    for (i = 0; i < about.populations; i++) {
        size_t steps, count, entries, place;
        const int8_t *spikes = snnc_trace_spikes(trace, i, &steps, &count, &entries);
        printf("trace %lu %lu %lu", (unsigned long)steps, (unsigned long)count, (unsigned long)entries);
        for (place = 0; place < steps * count * entries; place++) printf(" %d", spikes[place]);
        printf("\n");
    }
    snnc_trace_free(trace);
    free(images);
    free(pixels);
    return 0;
}
