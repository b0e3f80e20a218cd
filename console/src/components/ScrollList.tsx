import { useMemo, type ReactNode } from 'react';
import { GridList, GridListItem, GridListLoadMoreItem, ListLayout, Virtualizer } from 'react-aria-components';
import { Busy } from './Busy.js';

interface ScrollListProps<Item extends object> {
  /** What it is a list of. */
  readonly label: string;
  readonly items: readonly Item[];
  readonly idOf: (item: Item) => string;
  /** What a row is called. */
  readonly textOf: (item: Item) => string;
  readonly children: (item: Item) => ReactNode;
  /** Of each row, in pixels. */
  readonly rowHeight: number;
  readonly openId: string | undefined;
  readonly onOpen: (id: string) => void;
  readonly onLoadMore?: (() => void) | undefined;
  readonly isLoading?: boolean;
}

/** An item with the id by which the list knows it; made once for each item, so that only new ones are rendered. */
interface Row<Item> {
  readonly id: string;
  readonly item: Item;
}

/**
 * A list of any length. Only the rows that are seen are in the page, and more are asked for as one comes near
 * the end. Arrow keys go from row to row, Enter opens one.
 */
export function ScrollList<Item extends object>(props: ScrollListProps<Item>): ReactNode {
  const { label, items, idOf, textOf, children, rowHeight, openId, onOpen, onLoadMore, isLoading } = props;
  const rows = useMemo(() => {
    const made = new WeakMap<Item, Row<Item>>();
    return (item: Item): Row<Item> => {
      let row = made.get(item);
      if (!row) made.set(item, (row = { id: idOf(item), item }));
      return row;
    };
  }, [idOf]);
  return (
    <Virtualizer layout={ListLayout} layoutOptions={{ rowSize: rowHeight, loaderSize: 56 }}>
      <GridList
        className="scroll-list"
        aria-label={label}
        selectionMode="single"
        selectedKeys={openId === undefined ? [] : [openId]}
        disallowEmptySelection
        onSelectionChange={(keys) => {
          const [id] = keys === 'all' ? [] : keys;
          if (id !== undefined) onOpen(String(id));
        }}
      >
        {items.map(rows).map(({ id, item }) => (
          <GridListItem key={id} id={id} textValue={textOf(item)} className="row">
            {children(item)}
          </GridListItem>
        ))}
        {onLoadMore && (
          <GridListLoadMoreItem
            className="row-loading"
            onLoadMore={onLoadMore}
            isLoading={isLoading ?? false}
            scrollOffset={1}
          >
            <Busy label="Loading more" />
          </GridListLoadMoreItem>
        )}
      </GridList>
    </Virtualizer>
  );
}
