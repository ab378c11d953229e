/*
 * Loads a network that is encrypted and signed, from the file and from its bytes, and prints the class of an image of zeros.
 *
 *     keys MODEL.snn.age AGE.KEY MINISIGN.PUB
 */
#include <snnc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *content(const char *path, const char *more, size_t *len) {
    char name[4096], *text = malloc(1 << 20);
    FILE *file;
    snprintf(name, sizeof name, "%s%s", path, more);
    file = fopen(name, "rb");
    if (text == NULL || file == NULL) exit(2);
    *len = fread(text, 1, (1 << 20) - 1, file);
    text[*len] = 0;
    fclose(file);
    return text;
}

static void say(snnc_status status, snnc_network *network, const snnc_error *error) {
    snnc_description about;
    snnc_outcome *outcome;
    float *image;
    uint32_t bits;
    if (status != SNNC_STATUS_OK) {
        printf("%d %s\n", (int)status, error->message);
        return;
    }
    snnc_describe(network, &about, sizeof about, NULL);
    image = calloc(about.image_len, sizeof *image);
    if (image == NULL || snnc_run(network, image, about.image_len, 0, 0, &outcome, NULL) != SNNC_STATUS_OK) exit(3);
    memcpy(&bits, snnc_outcome_logits(outcome, NULL), sizeof bits);
    printf("%zu %08lx\n", snnc_outcome_predictions(outcome, NULL)[0], (unsigned long)bits);
    snnc_outcome_free(outcome);
    snnc_network_free(network);
    free(image);
}

int main(int argc, char **argv) {
    snnc_error error;
    snnc_network *network;
    snnc_keys *keys;
    size_t len, unused;
    char *identity, *signer, *signature, *bytes;
    snnc_status status;
    if (argc != 4) return 2;
    identity = content(argv[2], "", &unused);
    signer = content(argv[3], "", &unused);
    signature = content(argv[1], ".minisig", &unused);
    bytes = content(argv[1], "", &len);

    status = snnc_load(argv[1], &network, &error);
    say(status, network, &error);
    if (snnc_keys_new(&keys, NULL) != SNNC_STATUS_OK) return 1;
    status = snnc_load_with(argv[1], keys, &network, &error);
    say(status, network, &error);
    if (snnc_keys_add_passphrase(keys, "correct horse", NULL) != SNNC_STATUS_OK) return 1;
    status = snnc_load_with(argv[1], keys, &network, &error);
    say(status, network, &error);
    if (snnc_keys_add_identities(keys, identity, NULL) != SNNC_STATUS_OK) return 1;
    memset(identity, 0, strlen(identity));
    status = snnc_load_with(argv[1], keys, &network, &error);
    say(status, network, &error);
    if (snnc_keys_require_signature(keys, signer, NULL) != SNNC_STATUS_OK) return 1;
    status = snnc_load_with(argv[1], keys, &network, &error);
    say(status, network, &error);
    status = snnc_load_bytes_with((const uint8_t *)bytes, len, signature, keys, &network, &error);
    say(status, network, &error);
    status = snnc_load_bytes_with((const uint8_t *)bytes, len, NULL, keys, &network, &error);
    say(status, network, &error);
    bytes[len - 1] ^= 1;
    status = snnc_load_bytes_with((const uint8_t *)bytes, len, signature, keys, &network, &error);
    say(status, network, &error);
    snnc_keys_free(keys);
    free(identity);
    free(signer);
    free(signature);
    free(bytes);
    return 0;
}
