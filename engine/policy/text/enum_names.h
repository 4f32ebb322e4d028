#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace rpcaudit::policy {

// The names of an enum's values, in their order; the enum counts from 0 without gaps. `n` is how
// many values it has: a name that is missing does not compile.
template <typename E, std::size_t n>
class EnumNames {
 public:
  template <typename... Names>
  explicit constexpr EnumNames(Names... names) noexcept : names_{std::string_view(names)...} {
    static_assert(sizeof...(Names) == n, "one name for each value");
  }

  // The name of a value; of the last one for what is no value of the enum.
  constexpr std::string_view operator[](E value) const noexcept {
    const auto index = static_cast<std::size_t>(value);
    return names_[index < n ? index : n - 1];
  }
  // The value whose name the token is, by `equal(token, name)`.
  template <typename Equal>
  [[nodiscard]] constexpr std::optional<E> find(std::string_view token, Equal equal) const {
    for (std::size_t i = 0; i < n; ++i) {
      if (equal(token, names_[i])) return static_cast<E>(i);
    }
    return std::nullopt;
  }

 private:
  std::array<std::string_view, n> names_;
};

}  // namespace rpcaudit::policy
