"""CMake, with its generators for Ninja and Make."""
from .system import System


class _CMake(System):
    project = "cmake"
    option = ("CMakeLists.txt", "--timesteps 8", "--timesteps 7")
    made = {"digits": ["build/digits.snn", "build/digits.snn.c", "build/libdigits.a", "build/classify"], "digits_int8": ["build/digits_int8.snn"]}
    generator = ""

    def prepare(self):
        code, said = self.run("cmake", "-B", "build", "-G", self.generator, f"-DCMAKE_PREFIX_PATH={self.settings.libsnnc()}",
                              f"-DSNNC_EXECUTABLE={self.tree.compiler}")
        if code != 0:
            raise RuntimeError(said)

    def build(self):
        return self.run("cmake", "--build", "build")

    def check(self):
        # The library is found by the run path that CMake gives to programs in the build folder.
        return self.run("build/classify", "../common/digits.txt")


class CMakeNinja(_CMake):
    name = "cmake-ninja"
    needs = ("cmake", "ninja", "cc")
    generator = "Ninja"

    def is_idle(self, said):
        return "no work to do" in said


class CMakeMake(_CMake):
    name = "cmake-make"
    needs = ("cmake", "make", "cc")
    generator = "Unix Makefiles"

    def is_idle(self, said):
        return "Building" not in said and "Compiling" not in said and "Linking" not in said
