#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

// The input is copied to a block of exactly its size, so that AddressSanitizer sees the first byte
// that is read past it.
void run(const std::vector<char>& content) {
  const std::vector<std::uint8_t> exact(content.begin(), content.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::vector<fs::path> files_below(const fs::path& root) {
  std::vector<fs::path> files;
  if (!fs::is_directory(root)) return files;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

// Runs the fuzz target over every file below the folders named, and over the empty input.
int main(int argc, char** argv) {
  run({});
  std::size_t count = 1;
  for (int i = 1; i < argc; ++i) {
    for (const fs::path& path : files_below(argv[i])) {
      std::ifstream file(path, std::ios::binary);
      if (!file) {
        std::fprintf(stderr, "cannot read %s\n", path.c_str());
        return 1;
      }
      run(std::vector<char>(std::istreambuf_iterator<char>(file), {}));
      ++count;
    }
  }
  std::printf("replayed %zu inputs\n", count);
  return 0;
}
