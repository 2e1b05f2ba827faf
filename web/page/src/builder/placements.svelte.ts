import { Problem } from '../api/problem';
import { t } from '../i18n/text';
import { announcer } from '../shell/announcer.svelte';
import type { Transfer } from '../uploads/transfer.svelte';
import { transfers } from '../uploads/transfers.svelte';
import { addItem } from './builder.svelte';

/** A file on its way into a module. */
export interface Placement {
  transfer: Transfer;
  course: string;
  module: string;
}

/** Files that become items of courses as soon as the server knows of them, also while another page is open. */
class Placements {
  all = $state.raw<Placement[]>([]);
  /** Counts the items that were added, so that a course on the screen is loaded again. */
  added = $state(0);

  /** Uploads a file into a module. */
  upload(file: File, course: string, module: string): void {
    const transfer = transfers.add(file);
    this.all = [...this.all, { transfer, course, module }];
    void transfer.created.then((id) => this.#place({ transfer, course, module }, id));
  }

  /** Files that are no items of this module yet. */
  of(module: string): Transfer[] {
    return this.all.filter((each) => each.module === module && each.transfer.stage !== 'cancelled').map((each) => each.transfer);
  }

  remove(transfer: Transfer): void {
    this.all = this.all.filter((each) => each.transfer !== transfer);
  }

  async #place({ transfer, course, module }: Placement, id: string): Promise<void> {
    try {
      await addItem(course, module, id);
      this.added += 1;
    } catch (thrown) {
      // The lecture is there and can be added by hand.
      announcer.done(t('builder.notPlaced', { title: transfer.title, reason: Problem.of(thrown).message }));
    } finally {
      this.remove(transfer);
    }
  }
}

export const placements = new Placements();
