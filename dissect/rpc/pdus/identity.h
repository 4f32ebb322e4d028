#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dissect/rpc_observer.h"
#include "dissect/store/bounded_text.h"

namespace rpcaudit::dissect {

// The strings of a security context, owned. view() lends them as the observer gets them.
class Identity {
 public:
  std::uint8_t mechanism = 0;
  bool null_session = false;

  [[nodiscard]] TextSlot user() noexcept { return slot(kUser); }
  [[nodiscard]] TextSlot domain() noexcept { return slot(kDomain); }
  [[nodiscard]] TextSlot workstation() noexcept { return slot(kWorkstation); }
  [[nodiscard]] TextSlot service() noexcept { return slot(kService); }
  [[nodiscard]] TextSlot realm() noexcept { return slot(kRealm); }

  void clear() noexcept {
    sizes_ = {};
    mechanism = 0;
    null_session = false;
  }

  [[nodiscard]] SecurityIdentity view() const noexcept {
    return {part(kUser),  part(kDomain), part(kWorkstation), part(kService),
            part(kRealm), mechanism,     null_session};
  }

 private:
  enum Part : std::size_t { kUser, kDomain, kWorkstation, kService, kRealm, kParts };
  // Where each string begins in `text_`, and where the last one ends.
  static constexpr std::array<std::size_t, kParts + 1> kStarts{0, 128, 256, 320, 448, 576};

  [[nodiscard]] TextSlot slot(Part part) noexcept {
    return {text_.data() + kStarts[part], &sizes_[part], kStarts[part + 1] - kStarts[part]};
  }
  [[nodiscard]] std::string_view part(Part part) const noexcept {
    return {text_.data() + kStarts[part], sizes_[part]};
  }

  // The sizes stand together: each call asks for the view, of which the text is hardly ever read.
  std::array<std::uint16_t, kParts> sizes_{};
  std::array<char, kStarts[kParts]> text_{};
};

}  // namespace rpcaudit::dissect
