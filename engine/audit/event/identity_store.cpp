#include "engine/audit/event/identity_store.h"

#include <algorithm>
#include <cstring>

namespace rpcaudit::audit {
namespace {

// Not within a UTF-8 character.
std::size_t cut_size(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text.size();
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return most;
}

std::uint8_t copy(std::string_view text, char* out, std::size_t most) noexcept {
  const std::size_t size = cut_size(text, most);
  if (size != 0) std::memcpy(out, text.data(), size);
  return static_cast<std::uint8_t>(size);
}

}  // namespace

std::uint32_t IdentityStore::intern(const dissect::SecurityIdentity& identity, std::uint32_t hint) {
  const bool is_unknown = identity.user.empty() && identity.domain.empty() &&
                          identity.workstation.empty() && identity.service.empty();
  if (is_unknown && !identity.null_session) return kNoSlot;
  if (hint != kNoSlot) {
    const IdentityText held = text(hint);
    const auto same = [](std::string_view name, std::string_view kept) {
      return name.substr(0, cut_size(name, kNameSizeMax)) == kept;
    };
    if (same(identity.user, held.user) && same(identity.domain, held.domain) &&
        same(identity.workstation, held.workstation) && same(identity.service, held.service) &&
        identity.null_session == held.null_session) {
      return add_reference(hint);
    }
  }
  const std::uint32_t handle = known_.take();
  if (handle == kNoSlot) {
    ++dropped_;
    return kNoSlot;
  }
  Known& known = known_[handle];
  known.references = 1;
  known.user_size = copy(identity.user, known.user, kNameSizeMax);
  known.domain_size = copy(identity.domain, known.domain, kNameSizeMax);
  known.workstation_size = copy(identity.workstation, known.workstation, kNameSizeMax);
  known.service_size = copy(identity.service, known.service, kNameSizeMax);
  known.null_session = identity.null_session;
  return handle;
}

std::uint32_t IdentityStore::add_reference(std::uint32_t handle) {
  if (handle != kNoSlot) ++known_[handle].references;
  return handle;
}

void IdentityStore::release(std::uint32_t handle) {
  if (handle == kNoSlot) return;
  if (--known_[handle].references == 0) known_.release(handle);
}

IdentityText IdentityStore::text(std::uint32_t handle) const noexcept {
  if (handle == kNoSlot) return {};
  const Known& known = known_[handle];
  return {{known.user, known.user_size},
          {known.domain, known.domain_size},
          known.null_session,
          {known.workstation, known.workstation_size},
          {known.service, known.service_size}};
}

}  // namespace rpcaudit::audit
