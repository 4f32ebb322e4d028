#include "dissect/smb/smb1_transaction.h"

#include <algorithm>

namespace rpcaudit::dissect {

void take_smb1_part(SmbUnitContext& unit, SmbRequest& request, Direction direction,
                    const Smb1Transaction& part, std::uint32_t& seen) noexcept {
  SmbPipes& pipes = unit.host.pipes();
  SmbExtent extent = part.extent;
  if (extent.length == 0 || !pipes.holds(request.pipe)) return;
  const Slot<SmbPipe> pipe = request.pipe.slot;
  const std::uint32_t end = part.displacement + extent.length;
  const std::uint32_t skipped = part.displacement - std::min(part.displacement, seen);
  const std::uint32_t repeated = std::min(seen - std::min(seen, part.displacement), extent.length);
  extent.offset += repeated;
  extent.length -= repeated;
  seen = std::max(seen, end);
  if (direction == kToServer) {
    unit.host.write(unit, request, request.pipe, extent, request.expected, true);
    if (skipped == 0) return;
    pipes.gap_write(pipe, request.write, skipped, BlindnessKind::gap, unit.frame);
  } else {
    if (skipped != 0) pipes.gap(pipe, direction, skipped, BlindnessKind::gap, unit.frame);
    unit.host.hand_on(unit, request.pipe, direction, extent);
  }
}

}  // namespace rpcaudit::dissect
