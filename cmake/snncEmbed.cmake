# cmake -DARTIFACT=file.snn -DNAME=name -DSOURCE=file.c -DHEADER=file.h -P snncEmbed.cmake: the bytes of a file as C.

string(MAKE_C_IDENTIFIER "${NAME}_snn" name)
file(READ "${ARTIFACT}" bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
string(REGEX REPLACE "(0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,0x..,)" "    \\1\n" bytes "${bytes}")

file(WRITE "${HEADER}" "#include <stddef.h>

#ifdef __cplusplus
extern \"C\" {
#endif

extern const unsigned char ${name}[];
extern const size_t ${name}_size;

#ifdef __cplusplus
}
#endif
")
file(WRITE "${SOURCE}" "#include \"${HEADER}\"

const unsigned char ${name}[] = {
${bytes}
};
const size_t ${name}_size = sizeof ${name};
")
