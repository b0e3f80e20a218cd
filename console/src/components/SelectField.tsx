import { useId, type ReactNode } from 'react';

interface SelectFieldProps<Value extends string> {
  readonly label: string;
  readonly value: Value;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly onChange: (value: Value) => void;
  readonly description?: ReactNode;
}

/** One of a few, by the browser's own list: it is at home on each device. */
export function SelectField<Value extends string>({
  label,
  value,
  options,
  onChange,
  description,
}: SelectFieldProps<Value>): ReactNode {
  const id = useId();
  return (
    <div className="field">
      <label className="field-label" htmlFor={id}>
        {label}
      </label>
      <select
        id={id}
        className="field-input"
        value={value}
        {...(description !== undefined && { 'aria-describedby': `${id}-description` })}
        onChange={({ target }) => {
          onChange(target.value as Value);
        }}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
      {description !== undefined && (
        <span id={`${id}-description`} className="field-description">
          {description}
        </span>
      )}
    </div>
  );
}
